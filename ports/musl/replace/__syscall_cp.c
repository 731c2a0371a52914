/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* System calls that are cancellation points are those that may sleep. Here, on the way
 * out, is where a thread runs the handlers of signals that came meanwhile; a program that
 * installs none has no such code, and the reference is weak. */

#include "pthread_impl.h"

hidden long __syscall_cp_c(syscall_arg_t, syscall_arg_t, syscall_arg_t, syscall_arg_t,
			   syscall_arg_t, syscall_arg_t, syscall_arg_t);
weak void signal_run_handlers(void);

static long call_plainly(syscall_arg_t call, syscall_arg_t a, syscall_arg_t b,
			 syscall_arg_t c, syscall_arg_t d, syscall_arg_t e,
			 syscall_arg_t f)
{
	return __syscall6(call, a, b, c, d, e, f);
}

/* pthread_cancel.c has the other one. */
weak_alias(call_plainly, __syscall_cp_c);

long(__syscall_cp)(syscall_arg_t call, syscall_arg_t a, syscall_arg_t b, syscall_arg_t c,
		   syscall_arg_t d, syscall_arg_t e, syscall_arg_t f)
{
	long result = __syscall_cp_c(call, a, b, c, d, e, f);

	if (signal_run_handlers)
		signal_run_handlers();
	return result;
}
