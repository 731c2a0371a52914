/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The one process: how it ends, and what it may ask about itself and the machine. */

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <arch/name.h>
#include <kernel/init.h>
#include <kernel/page.h>
#include <kernel/panic.h>
#include <kernel/time.h>
#include <posix/calls.h>
#include <posix/enosys.h>
#include <posix/pointer.h>
#include <posix/posix_thread.h>

#define PROCESS_ID 1 /* also the number of the main thread */

/* However the program ends in order: also when the shell is told to power off. */
EXIT_CALL(INIT_LATE, enosys_report);

long sys_exit_group(int status)
{
	status &= 0xff; /* as a parent would see it */
	machine_exit(status > EXIT_CODE_APP_MAX ? EXIT_CODE_APP_MAX : status);
}

long sys_getpid(void)
{
	return PROCESS_ID;
}

long sys_getppid(void)
{
	return 0;
}

static long group_of(int pid)
{
	return pid == 0 || pid == PROCESS_ID ? PROCESS_ID : -ESRCH;
}

long sys_getpgid(int pid)
{
	return group_of(pid);
}

long sys_getpgrp(void)
{
	return PROCESS_ID;
}

long sys_getsid(int pid)
{
	return group_of(pid);
}

long sys_uname(struct utsname *out)
{
	if (pointer_is_bad(out))
		return -EFAULT;
	*out = (struct utsname){
		.sysname = "Ferrule",
		.nodename = "ferrule",
		.release = "0.1",
		.version = "unikernel",
		.machine = ARCH_NAME,
	};
	return 0;
}

static void count_thread(const struct thread *thread, void *count)
{
	if (thread->posix)
		(*(unsigned short *)count)++;
}

long sys_sysinfo(struct sysinfo *out)
{
	struct page_stats memory;

	if (pointer_is_bad(out))
		return -EFAULT;
	page_stats(&memory);
	*out = (struct sysinfo){
		.uptime = clock_ns() / NS_PER_SEC,
		.totalram = memory.total_bytes,
		.freeram = memory.free_bytes,
		.mem_unit = 1,
	};
	thread_each(count_thread, &out->procs);
	return 0;
}

struct switches {
	bool all;
	uint64_t count;
};

static void count_switches(const struct thread *thread, void *context)
{
	struct switches *switches = context;

	if (thread->posix && (switches->all || thread == thread_current()))
		switches->count += thread->switches;
}

/* What is counted: memory in use and switches. CPU time is not accounted: 0. */
long sys_getrusage(int who, struct rusage *out)
{
	struct switches switches = { .all = who == RUSAGE_SELF };
	struct page_stats memory;

	if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD)
		return -EINVAL;
	if (pointer_is_bad(out))
		return -EFAULT;
	/* The C library's struct ends in room that the call does not fill. */
	memset(out, 0, offsetof(struct rusage, __reserved));
	if (who == RUSAGE_CHILDREN)
		return 0;
	page_stats(&memory);
	thread_each(count_switches, &switches);
	out->ru_maxrss = (long)((memory.total_bytes - memory.free_bytes) / 1024);
	out->ru_nvcsw = (long)switches.count;
	return 0;
}

long sys_prctl(int option, unsigned long argument)
{
	char *name = thread_current()->name;

	switch (option) {
	case PR_SET_NAME:
	case PR_GET_NAME:
		if (pointer_is_bad((void *)argument))
			return -EFAULT;
		if (option == PR_GET_NAME)
			memcpy((void *)argument, name, THREAD_NAME_BYTES);
		else
			strncpy(name, (const char *)argument, THREAD_NAME_BYTES - 1);
		return 0;
	case PR_GET_DUMPABLE:
		return 0; /* there is no core dump */
	case PR_SET_DUMPABLE:
		return argument == 0 || argument == 1 ? 0 : -EINVAL;
	}
	return -EINVAL;
}
