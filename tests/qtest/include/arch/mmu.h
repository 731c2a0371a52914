/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The host's address space, and registers in it: addresses from MMIO_BASE on stand for
 * physical ones of QEMU's, and nobody may follow them but <arch/io.h>. */

#ifndef QTEST_ARCH_MMU_H
#define QTEST_ARCH_MMU_H

#include "../../../../arch/host/include/arch/mmu.h"

static inline volatile void *arch_map_device(uint64_t phys, size_t bytes)
{
	(void)bytes;
	return (volatile void *)(MMIO_BASE + phys);
}

#endif
