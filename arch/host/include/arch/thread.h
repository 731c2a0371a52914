/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What a thread is to the CPU. */

#ifndef ARCH_THREAD_H
#define ARCH_THREAD_H

#include <stddef.h>
#include <stdint.h>

struct thread;

struct arch_thread {
	uint64_t stack_pointer; /* callee-saved registers are on the stack; switch.S */
	const void *stack;	/* for the address sanitizer: which memory is its stack */
	size_t stack_bytes;
	void *fake_stack; /* the sanitizer's */
	void *fpu;	  /* never used: a switch is always a function call */
};

/* Prepares a context that starts at entry() on [stack, stack + bytes) the first time it
 * is switched to, with interrupts off. `tls` is not used: Linux's thread keeps its own. */
void arch_thread_init(struct arch_thread *self, void *stack, size_t bytes,
		      void (*entry)(void), void *tls);

/* Saves the running context in `from` and resumes `to`; interrupts are off. */
void arch_switch(struct arch_thread *from, struct arch_thread *to);

/* Interrupts are delivered in function calls, which keep the registers that they must. */
size_t arch_fpu_bytes(void);
void arch_fpu_save(struct arch_thread *self);
void arch_fpu_restore(struct arch_thread *self);

#endif
