/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Memory barriers by the compiler's own fences; see arch/…/include/arch/barrier.h. */

#ifndef ARCH_BARRIER_H
#define ARCH_BARRIER_H

static inline void barrier_full(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void barrier_read(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static inline void barrier_write(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void barrier_device_full(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void barrier_device_read(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void barrier_device_write(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
