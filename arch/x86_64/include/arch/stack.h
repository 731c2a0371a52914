/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Leaving one stack for another. */

#ifndef ARCH_STACK_H
#define ARCH_STACK_H

/* Calls entry(argument), which does not return, on the stack that ends at `top` (16-byte
 * aligned). Nothing of the stack in use is needed any more. */
static inline _Noreturn void arch_run_on_stack(void *top, void (*entry)(void *),
					       void *argument)
{
	/* The zero frame pointer ends a backtrace. */
	__asm__ volatile("movq %0, %%rsp\n\t"
			 "xorl %%ebp, %%ebp\n\t"
			 "callq *%1\n\t"
			 "ud2"
			 :
			 : "r"(top), "r"(entry), "D"(argument)
			 : "memory");
	__builtin_unreachable();
}

#endif
