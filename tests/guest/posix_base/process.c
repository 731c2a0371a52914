/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "check.h"

static int constructed;

static void __attribute__((constructor)) construct(void)
{
	constructed++;
}

void test_process(void)
{
	unsigned char random[64] = { 0 }, other[64] = { 0 };
	char text[64], name[16];
	struct sysinfo information;
	struct utsname names;
	struct rlimit limit;
	struct rusage usage;
	cpu_set_t cpus;

	check(constructed == 1, "constructors ran");
	check(getpid() > 0 && gettid() == getpid(), "getpid, gettid");
	check(getenv("FERRULE_TEST") == NULL ||
		      !strcmp(getenv("FERRULE_TEST"), "a value"),
	      "environment");
	check(sysconf(_SC_PAGESIZE) == 4096 && sysconf(_SC_NPROCESSORS_ONLN) >= 1,
	      "sysconf");
	check(getauxval(AT_SECURE) == 0 && getauxval(AT_RANDOM) != 0, "auxiliary vector");
	check(getrandom(random, 64, 0) == 64 && getrandom(other, 64, 0) == 64 &&
		      memcmp(random, other, 64),
	      "getrandom");
	check(getrandom(random, 64, 0x100) == -1 && errno == EINVAL,
	      "getrandom, bad flags");
	check(uname(&names) == 0 && names.machine[0], "uname");
	check(sysinfo(&information) == 0 && information.totalram > information.freeram &&
		      information.procs >= 1,
	      "sysinfo");
	check(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= 64 &&
		      getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur >= 65536,
	      "getrlimit");
	check(getrlimit(99, &limit) == -1 && errno == EINVAL, "getrlimit, bad resource");
	check(getrusage(RUSAGE_SELF, &usage) == 0 && usage.ru_maxrss > 0, "getrusage");
	check(sched_getaffinity(0, sizeof(cpus), &cpus) == 0 && CPU_COUNT(&cpus) >= 1,
	      "sched_getaffinity");
	check(prctl(PR_SET_NAME, "a rather long name") == 0 &&
		      prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "a rather long n"),
	      "prctl name");
	check(syscall(SYS_gettid) == gettid(), "syscall() by number");
	check(syscall(100000) == -1 && errno == ENOSYS, "an unknown number is ENOSYS");
	snprintf(text, sizeof(text), "%.3f %g %s", sqrt(2), 1e100, "x");
	check(!strcmp(text, "1.414 1e+100 x"), "floating point in printf");
	check(strtod("0x1.8p1", NULL) == 3.0, "strtod");
}
