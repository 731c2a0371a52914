/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Memory barriers between this process and a back end's, which share cached memory: what
 * the compiler knows as fences is all it takes (VIRTIO 1.3 §2.7.13, §2.8.17). */

#ifndef ARCH_BARRIER_H
#define ARCH_BARRIER_H

static inline void barrier_full(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void barrier_read(void) /* loads before ≤ loads after */
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static inline void barrier_write(void) /* stores before ≤ stores after */
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

/* A back end is a process: there is no device outside the coherence domain. */
static inline void barrier_device_full(void)
{
	barrier_full();
}

static inline void barrier_device_read(void)
{
	barrier_read();
}

static inline void barrier_device_write(void)
{
	barrier_write();
}

#endif
