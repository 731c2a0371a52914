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
	uint64_t fs_base;	/* thread pointer of the C library */
	void *fpu;		/* XSAVE area; filled only when preempted in mid-flight */
};

/* Prepares a context that starts at entry() on [stack, stack + bytes) the first time it
 * is switched to, with interrupts off. */
void arch_thread_init(struct arch_thread *self, void *stack, size_t bytes,
		      void (*entry)(void), void *tls);

/* Saves the running context in `from` and resumes `to`; interrupts are off. Only
 * callee-saved state moves: a switch is a function call. */
void arch_switch(struct arch_thread *from, struct arch_thread *to);

/* Full FPU/SSE/AVX state, for a switch in the middle of a computation (preemption). The
 * caller provides self->fpu: arch_fpu_bytes(), zeroed once, aligned to 64. Saving leaves
 * the registers as a function call may find them. */
size_t arch_fpu_bytes(void);
void arch_fpu_save(struct arch_thread *self);
void arch_fpu_restore(struct arch_thread *self);

/* Sets the running thread's thread pointer register. */
void arch_set_thread_pointer(struct arch_thread *self, uint64_t value);

#endif
