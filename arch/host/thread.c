/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Threads of the kernel inside the process's only thread, and their stacks. A stack lies
 * in RAM, so that devices reach what an application keeps there; the page below it is
 * taken away, so that an overflow is a crash. */

#include <sys/mman.h>
#include <arch/mmu.h>
#include <arch/thread.h>
#include <kernel/page.h>
#include <kernel/stack.h>

/* switch.S, and what it calls. */
void host_switch_stack(uint64_t *from, const uint64_t *to);
void host_first_step(void);
void host_thread_begin(struct arch_thread *self, void (*entry)(void));

/* The address sanitizer must know on which stack the code is; NULL without it. */
void __sanitizer_start_switch_fiber(void **fake_stack, const void *bottom, size_t bytes)
	__attribute__((weak));
void __sanitizer_finish_switch_fiber(void *fake_stack, const void **bottom_old,
				     size_t *bytes_old) __attribute__((weak));
void __asan_unpoison_memory_region(const volatile void *memory, size_t bytes)
	__attribute__((weak));

/* What host_switch_stack() pops the first time: control words, six registers, the entry. */
struct first_frame {
	uint32_t mxcsr;
	uint32_t fcw;
	uint64_t r15, r14, r13, r12, rbx, rbp;
	void (*entry)(void);
	uint64_t no_caller; /* 0: a backtrace ends here; also aligns the stack */
};
#define MXCSR_DEFAULT 0x1f80
#define FCW_DEFAULT   0x037f

static struct arch_thread *left; /* whose stack was left in the switch under way */

static void arrive(struct arch_thread *self)
{
	if (!__sanitizer_finish_switch_fiber)
		return;
	/* The boot thread's stack is Linux's: who comes from it first says where it is. */
	__sanitizer_finish_switch_fiber(self->fake_stack, &left->stack,
					&left->stack_bytes);
}

/* From switch.S, on a new stack. */
void host_thread_begin(struct arch_thread *self, void (*entry)(void))
{
	arrive(self);
	entry();
}

void arch_thread_init(struct arch_thread *self, void *stack, size_t bytes,
		      void (*entry)(void), void *tls)
{
	uintptr_t top = ((uintptr_t)stack + bytes) & ~UINT64_C(15);
	struct first_frame *frame = (struct first_frame *)top - 1;

	(void)tls;
	*frame = (struct first_frame){
		.mxcsr = MXCSR_DEFAULT,
		.fcw = FCW_DEFAULT,
		.rbx = (uintptr_t)self,
		.r12 = (uintptr_t)entry,
		.entry = host_first_step,
	};
	*self = (struct arch_thread){
		.stack_pointer = (uintptr_t)frame,
		.stack = stack,
		.stack_bytes = bytes,
	};
}

void arch_switch(struct arch_thread *from, struct arch_thread *to)
{
	left = from;
	if (__sanitizer_start_switch_fiber)
		__sanitizer_start_switch_fiber(&from->fake_stack, to->stack,
					       to->stack_bytes);
	host_switch_stack(&from->stack_pointer, &to->stack_pointer);
	arrive(from);
}

void *stack_alloc(size_t *bytes)
{
	unsigned order = page_order(*bytes + PAGE_BYTES);
	uint64_t phys = page_alloc(order);

	if (!phys)
		return NULL;
	if (mprotect(phys_to_virt(phys), PAGE_BYTES, PROT_NONE)) {
		page_free(phys, order);
		return NULL;
	}
	*bytes = (PAGE_BYTES << order) - PAGE_BYTES;
	return (char *)phys_to_virt(phys) + PAGE_BYTES;
}

void stack_free(void *stack, size_t bytes)
{
	uint64_t phys = virt_to_phys(stack) - PAGE_BYTES;

	/* A thread that ended never left the functions it was in. */
	if (__asan_unpoison_memory_region)
		__asan_unpoison_memory_region(stack, bytes);
	if (mprotect(phys_to_virt(phys), PAGE_BYTES, PROT_READ | PROT_WRITE) == 0)
		page_free(phys, page_order(bytes + PAGE_BYTES));
}
