/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Threads of the application: clone() as pthreads use it, and thread numbers. */

#define _GNU_SOURCE /* CLONE_... */
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <arch/stack.h>
#include <kernel/heap.h>
#include <posix/mem.h>
#include <posix/posix_thread.h>
#include <posix/pointer.h>

/* The application's code runs on the stack that the C library mapped. This one is for the
 * first instructions and for the end, when the other may already be gone; and for all of a
 * thread whose own stack is smaller: system calls and interrupts need room there as well. */
#define KERNEL_STACK_BYTES (16 * 1024)

/* What makes the new thread a thread, and not a process. */
#define CLONE_THREAD_ALL \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)

/* Has the linker bring it in: futex.c, which has it weak, needs it once there are threads. */
__asm__(".globl futex_requeue");

static void run(void *self)
{
	struct posix_thread *posix = self;

	sys_exit(posix->entry(posix->argument));
}

static void begin(void *self)
{
	struct posix_thread *posix = self;

	if (posix->stack_top)
		arch_run_on_stack(posix->stack_top, run, posix);
	run(posix);
}

static bool is_small(uintptr_t top)
{
	uintptr_t start, end;

	return mem_extent(top - 1, &start, &end) && top - start < KERNEL_STACK_BYTES;
}

static void add(struct posix_thread *posix)
{
	unsigned long irq = spin_lock(&posix_threads_lock);

	posix->next = posix_main_thread.next;
	posix_main_thread.next = posix;
	spin_unlock(&posix_threads_lock, irq);
}

long posix_clone(int (*entry)(void *), void *stack, unsigned long flags, void *argument,
		 int *parent_tid, void *tls, int *child_tid)
{
	struct posix_thread *posix, *self = posix_self();
	struct thread *thread;

	/* There is one address space and one program in it: nothing to fork. */
	if ((flags & CLONE_THREAD_ALL) != CLONE_THREAD_ALL)
		return -ENOSYS;
	if (pointer_is_bad(stack))
		return -EINVAL;
	posix = kzalloc(sizeof(*posix));
	if (!posix)
		return -EAGAIN;
	thread = thread_prepare("thread", begin, posix, NULL, KERNEL_STACK_BYTES,
				flags & CLONE_SETTLS ? tls : NULL);
	if (!thread) {
		kfree(posix);
		return -EAGAIN;
	}
	posix->thread = thread;
	posix->entry = entry;
	posix->argument = argument;
	if (!is_small((uintptr_t)stack)) /* else NULL */
		posix->stack_top = (void *)((uintptr_t)stack & ~15ul);
	posix->masked = self ? self->masked : 0;
	if (flags & CLONE_CHILD_CLEARTID)
		posix->clear_tid = child_tid;
	if (flags & CLONE_CHILD_SETTID)
		*child_tid = thread->id;
	if (flags & CLONE_PARENT_SETTID)
		*parent_tid = thread->id;
	thread->posix = posix;
	add(posix);
	flags = (unsigned long)thread->id; /* once started it may be gone at any time */
	thread_start(thread);
	return (long)flags;
}

long sys_sched_getaffinity(int tid, size_t bytes, unsigned long *mask)
{
	(void)tid;
	if (bytes < sizeof(*mask) || bytes & (sizeof(*mask) - 1))
		return -EINVAL;
	if (pointer_is_bad(mask))
		return -EFAULT;
	*mask = 1; /* the one CPU that runs threads */
	return sizeof(*mask);
}

long sys_sched_setaffinity(int tid, size_t bytes, const unsigned long *mask)
{
	(void)tid;
	if (bytes < sizeof(*mask))
		return -EINVAL;
	if (pointer_is_bad(mask))
		return -EFAULT;
	return *mask & 1 ? 0 : -EINVAL;
}
