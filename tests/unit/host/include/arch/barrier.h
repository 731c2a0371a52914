/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Memory barriers by the compiler's own fences; see arch/…/include/arch/barrier.h. */

#ifndef ARCH_BARRIER_H
#define ARCH_BARRIER_H

/* ThreadSanitizer knows nothing of fences. For it they are accesses to one word: who fences
 * after the other has seen all that the other did before. A full one lets the other thread
 * run first: what was exposed without a fence of its own is then looked at too early. */
#ifdef __SANITIZE_THREAD__
#include <sched.h>
__attribute__((weak)) unsigned host_fence;
#define HOST_FENCE(order)                                         \
	((void)((order) == __ATOMIC_SEQ_CST ? sched_yield() : 0), \
	 (void)__atomic_fetch_add(&host_fence, 1, order))
#else
#define HOST_FENCE(order) __atomic_thread_fence(order)
#endif

static inline void barrier_full(void)
{
	HOST_FENCE(__ATOMIC_SEQ_CST);
}

static inline void barrier_read(void)
{
	HOST_FENCE(__ATOMIC_ACQUIRE);
}

static inline void barrier_write(void)
{
	HOST_FENCE(__ATOMIC_RELEASE);
}

static inline void barrier_device_full(void)
{
	HOST_FENCE(__ATOMIC_SEQ_CST);
}

static inline void barrier_device_read(void)
{
	HOST_FENCE(__ATOMIC_SEQ_CST);
}

static inline void barrier_device_write(void)
{
	HOST_FENCE(__ATOMIC_SEQ_CST);
}

#endif
