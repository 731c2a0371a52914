/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Memory barriers, named for what a virtqueue needs of them (VIRTIO 1.3 §2.7.13, §2.8.17).
 * x86 orders loads with loads and stores with stores; only store→load needs a fence. */

#ifndef ARCH_BARRIER_H
#define ARCH_BARRIER_H

/* Everything before is visible before anything after: the only true fence. A locked
 * instruction, which is shorter than mfence. (An emulator of one CPU may run either without a
 * fence, though its devices are threads: see docs/testing.md.) */
static inline void barrier_full(void)
{
	__asm__ volatile("lock; orl $0, (%%rsp)" : : : "memory", "cc");
}

static inline void barrier_read(void) /* loads before ≤ loads after */
{
	__asm__ volatile("" : : : "memory");
}

static inline void barrier_write(void) /* stores before ≤ stores after */
{
	__asm__ volatile("" : : : "memory");
}

/* The same towards a device outside the cache coherence domain (ORDER_PLATFORM). */
static inline void barrier_device_full(void)
{
	__asm__ volatile("mfence" : : : "memory");
}

static inline void barrier_device_read(void)
{
	__asm__ volatile("lfence" : : : "memory");
}

static inline void barrier_device_write(void)
{
	__asm__ volatile("sfence" : : : "memory");
}

#endif
