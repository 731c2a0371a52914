/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A new thread begins with a call of func on its own stack; nothing returns twice. */

#include <stdarg.h>
#include "pthread_impl.h"

long posix_clone(int (*func)(void *), void *stack, unsigned long flags, void *argument,
		 int *parent_tid, void *tls, int *child_tid);

int __clone(int (*func)(void *), void *stack, int flags, void *argument, ...)
{
	va_list more;
	int *parent_tid, *child_tid;
	void *tls;

	va_start(more, argument);
	parent_tid = va_arg(more, int *);
	tls = va_arg(more, void *);
	child_tid = va_arg(more, int *);
	va_end(more);
	return posix_clone(func, stack, (unsigned)flags, argument, parent_tid, tls,
			   child_tid);
}
