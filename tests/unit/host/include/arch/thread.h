/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What a thread is to the CPU, on the host: a ucontext (tests/unit/host/switch.c). */

#ifndef ARCH_THREAD_H
#define ARCH_THREAD_H

#include <stddef.h>
#include <stdint.h>

struct thread;

struct arch_thread {
	void *context;
	void (*entry)(void);
	uint64_t fs_base;
	void *fpu;
};

void arch_thread_init(struct arch_thread *self, void *stack, size_t bytes,
		      void (*entry)(void), void *tls);
void arch_switch(struct arch_thread *from, struct arch_thread *to);
size_t arch_fpu_bytes(void);
void arch_fpu_save(struct arch_thread *self);
void arch_fpu_restore(struct arch_thread *self);
void arch_set_thread_pointer(struct arch_thread *self, uint64_t value);

#endif
