/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Context switch on the host, for tests of kernel/thread.c: a ucontext a thread. */

#include <stdlib.h>
#include <ucontext.h>
#include <arch/thread.h>

void arch_thread_init(struct arch_thread *self, void *stack, size_t bytes,
		      void (*entry)(void), void *tls)
{
	ucontext_t *context = calloc(1, sizeof(*context));

	getcontext(context);
	context->uc_stack.ss_sp = stack;
	context->uc_stack.ss_size = bytes;
	makecontext(context, entry, 0);
	self->context = context;
	self->entry = entry;
	self->fs_base = (uintptr_t)tls;
}

void arch_switch(struct arch_thread *from, struct arch_thread *to)
{
	if (!from->context)
		from->context = calloc(1, sizeof(ucontext_t));
	swapcontext(from->context, to->context);
}

size_t arch_fpu_bytes(void)
{
	return 64;
}

void arch_fpu_save(struct arch_thread *self)
{
	(void)self;
}

void arch_fpu_restore(struct arch_thread *self)
{
	(void)self;
}

void arch_set_thread_pointer(struct arch_thread *self, uint64_t value)
{
	self->fs_base = value;
}
