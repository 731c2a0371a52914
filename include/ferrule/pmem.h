/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Persistent memory (virtio-pmem): memory of the host's that outlives the guest, mapped.
 * The same bytes are the disk "pmem0" of <ferrule/block.h>.
 *
 * What was stored is durable after a flush that began later has returned 0. Context:
 * thread. */

#ifndef FERRULE_PMEM_H
#define FERRULE_PMEM_H

#include <stdint.h>

struct ferrule_block;

struct ferrule_pmem {
	void *address; /* page-aligned, cached; valid as long as the device is there */
	uint64_t bytes;
	struct ferrule_block *disk;
};

/* By the disk's name. 0, -ENODEV: there is no such disk, -ENOTSUP: it is no memory. */
int ferrule_pmem_open(const char *name, struct ferrule_pmem *out);
/* 0, -EIO: the host could not make it durable, -ENODEV: it was unplugged. */
int ferrule_pmem_flush(struct ferrule_pmem *pmem);
void ferrule_pmem_close(struct ferrule_pmem *pmem);

#endif
