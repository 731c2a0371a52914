/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The system calls about time, the process, limits, signals and random numbers, in the
 * kernel's argument order. Each returns a result or a negative errno. */

#ifndef POSIX_CALLS_H
#define POSIX_CALLS_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct rlimit;
struct rusage;
struct sysinfo;
struct timeval;
struct tms;
struct utsname;

/* time.c */
long sys_clock_gettime(clockid_t clock, struct timespec *out);
long sys_clock_settime(clockid_t clock, const struct timespec *time);
long sys_clock_getres(clockid_t clock, struct timespec *out);
long sys_gettimeofday(struct timeval *out, void *zone);
long sys_settimeofday(const struct timeval *time, const void *zone);
long sys_time(time_t *out);
long sys_nanosleep(const struct timespec *interval, struct timespec *rest);
long sys_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
			 struct timespec *rest);
long sys_times(struct tms *out);

/* process.c */
long sys_exit_group(int status);
long sys_getpid(void);
long sys_getppid(void);
long sys_getpgid(int pid);
long sys_getpgrp(void);
long sys_getsid(int pid);
long sys_uname(struct utsname *out);
long sys_sysinfo(struct sysinfo *out);
long sys_getrusage(int who, struct rusage *out);
long sys_prctl(int option, unsigned long argument);

/* credentials.c */
long sys_getuid(void);
long sys_geteuid(void);
long sys_getgid(void);
long sys_getegid(void);
long sys_setuid(unsigned id);
long sys_setgid(unsigned id);
long sys_setreuid(unsigned real, unsigned effective);
long sys_setregid(unsigned real, unsigned effective);
long sys_setresuid(unsigned real, unsigned effective, unsigned saved);
long sys_setresgid(unsigned real, unsigned effective, unsigned saved);
long sys_getgroups(int size, unsigned *list);
long sys_setgroups(size_t count, const unsigned *list);

/* limits.c */
long sys_getrlimit(int resource, struct rlimit *out);
long sys_setrlimit(int resource, const struct rlimit *limit);
long sys_prlimit64(int pid, int resource, const struct rlimit *limit, struct rlimit *old);

/* random.c */
long sys_getrandom(void *out, size_t bytes, unsigned flags);

/* signal.c: the kernel's form of a signal action. */
struct signal_action {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};
long sys_rt_sigaction(int number, const struct signal_action *action,
		      struct signal_action *old, size_t mask_bytes);
long sys_rt_sigprocmask(int how, const uint64_t *set, uint64_t *old, size_t mask_bytes);
long sys_rt_sigpending(uint64_t *out, size_t mask_bytes);
long sys_rt_sigsuspend(const uint64_t *mask, size_t mask_bytes);
long sys_rt_sigtimedwait(const uint64_t *set, siginfo_t *info,
			 const struct timespec *timeout, size_t mask_bytes);
long sys_pause(void);
long sys_sigaltstack(const stack_t *stack, stack_t *old);
long sys_kill(int pid, int number);
long sys_tkill(int tid, int number);
long sys_tgkill(int pid, int tid, int number);

#endif
