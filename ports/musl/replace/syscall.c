/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* syscall(number, ...): by number through a table. An entry is a weak reference: it does
 * not make the linker take a call in, but finds it when something else did. The few that
 * programs make in this way only are taken in by name. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <unistd.h>
#include "syscall.h"

#undef syscall

extern long (*const __ferrule_calls[])(long, long, long, long, long, long);
extern const unsigned long __ferrule_calls_count;

static const char *const by_number_only[] = {
	sys_clock_gettime, sys_exit_group,	  sys_futex,  sys_getpid, sys_getrandom,
	sys_gettid,	   sys_sched_getaffinity, sys_tgkill,
};

long syscall(long number, ...)
{
	long a[6];
	va_list more;

	__asm__ volatile("" : : "r"(by_number_only)); /* keep the references */
	if ((unsigned long)number >= __ferrule_calls_count || !__ferrule_calls[number])
		return __syscall_ret(-ENOSYS);
	va_start(more, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(more, long);
	va_end(more);
	return __syscall_ret(__ferrule_calls[number](a[0], a[1], a[2], a[3], a[4], a[5]));
}
