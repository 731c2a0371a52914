/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A system call that is a cancellation point. */

#include "pthread_impl.h"

hidden long __cancel(void);

/* What musl's handler compares an interrupted program counter with: between begin and end
 * the call has not happened yet. Handlers run between calls here, never in the middle of
 * one, so the range is empty. */
hidden const char __cp_begin[1], __cp_end[1], __cp_cancel[1];

hidden long __syscall_cp_asm(volatile int *cancel, syscall_arg_t call, syscall_arg_t a,
			     syscall_arg_t b, syscall_arg_t c, syscall_arg_t d,
			     syscall_arg_t e, syscall_arg_t f)
{
	if (*cancel)
		return __cancel();
	return __syscall6(call, a, b, c, d, e, f);
}
