/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Who a thread is, and how it ends. What every program has, if it has threads or not. */

#include <arch/cpu.h>
#include <arch/stack.h>
#include <kernel/heap.h>
#include <kernel/panic.h>
#include <posix/futex.h>
#include <posix/mem.h>
#include <posix/posix_thread.h>

struct spinlock posix_threads_lock;
struct posix_thread posix_main_thread;
struct posix_thread *posix_threads = &posix_main_thread;

/* Only who unmaps stacks has mappings at all. */
long sys_munmap(void *start, size_t bytes) __attribute__((weak));

void posix_set_thread_pointer(void *pointer)
{
	arch_set_thread_pointer(&thread_current()->arch, (uintptr_t)pointer);
}

long sys_set_tid_address(int *clear_tid)
{
	posix_self()->clear_tid = clear_tid;
	return thread_current()->id;
}

long sys_gettid(void)
{
	return thread_current()->id;
}

long sys_sched_yield(void)
{
	thread_yield();
	return 0;
}

/* From here on no signal finds it. Main's entry stays, as the list's first. */
static void forget(struct posix_thread *posix)
{
	unsigned long irq = spin_lock(&posix_threads_lock);
	struct posix_thread **link = &posix_threads;

	posix->thread = NULL;
	while (*link != posix)
		link = &(*link)->next;
	if (posix != &posix_main_thread)
		*link = posix->next;
	spin_unlock(&posix_threads_lock, irq);
}

/* On the kernel's stack. From the moment that clear_tid is zero, others may unmap or use
 * again the stack that this thread ran on. */
static void finish(void *self)
{
	struct posix_thread *posix = self;

	if (posix->unmap_base)
		sys_munmap(posix->unmap_base, posix->unmap_bytes);
	if (posix->clear_tid) {
		__atomic_store_n(posix->clear_tid, 0, __ATOMIC_RELEASE);
		futex_wake(posix->clear_tid, 1);
	}
	thread_current()->posix = NULL;
	forget(posix);
	if (posix != &posix_main_thread)
		kfree(posix);
	thread_exit();
}

long sys_exit(int status)
{
	struct thread *thread = thread_current();

	(void)status; /* the C library keeps a thread's result, and exits for the last one */
	if (!thread->posix)
		thread_exit();
	/* The main thread's stack is the kernel's, and never goes. */
	if (thread->posix == &posix_main_thread)
		finish(thread->posix);
	arch_run_on_stack((char *)thread->stack + thread->stack_bytes, finish,
			  thread->posix);
}

void posix_exit_unmapping(void *base, size_t bytes)
{
	struct posix_thread *posix = posix_self();

	posix->unmap_base = base;
	posix->unmap_bytes = bytes;
	sys_exit(0);
	__builtin_unreachable();
}
