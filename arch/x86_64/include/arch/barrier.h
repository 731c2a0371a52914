/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Memory barriers, named for what a virtqueue needs of them (VIRTIO 1.3 §2.7.13, §2.8.17).
 * x86 orders loads with loads and stores with stores; only store→load needs a fence. */

#ifndef ARCH_BARRIER_H
#define ARCH_BARRIER_H

/* Everything before is visible before anything after: the only true fence. A locked
 * instruction would do on a CPU and be a little shorter; but an emulator that runs one CPU
 * may take the lock for nothing, as no other CPU is there to see it, while its devices are
 * threads that do: kicks were lost like that on QEMU 7.2's TCG. */
static inline void barrier_full(void)
{
	__asm__ volatile("mfence" : : : "memory");
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
	barrier_full();
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
