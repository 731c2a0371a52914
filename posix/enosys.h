/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* System calls that nothing implements. For each call there is a weak function in an
 * object that is linked after everything else: where no archive had a sys_NAME, it stands
 * in, counts, and answers -ENOSYS. The program runs on; a line at its end says what it
 * asked for in vain. */

#ifndef POSIX_ENOSYS_H
#define POSIX_ENOSYS_H

struct enosys_call {
	const char *name;
	unsigned long count;	  /* atomic */
	struct enosys_call *next; /* set once, by the first call */
};

long enosys_call(struct enosys_call *call);
/* Logs the calls that were made, with counts; nothing if there were none. */
void enosys_report(void);

#define ENOSYS_CALL(call)                                                \
	static const char name_##call[] = #call;                         \
	static struct enosys_call record_##call = { name_##call, 0, 0 }; \
	long sys_##call(void) __attribute__((weak));                     \
	long sys_##call(void)                                            \
	{                                                                \
		return enosys_call(&record_##call);                      \
	}

#endif
