/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The file that RAM is, where it is the process's own. */

#include <sys/mman.h>
#include <unistd.h>
#include <arch/mmu.h>
#include <host/ram.h>

bool host_ram_init(uint64_t bytes)
{
	int fd = memfd_create("ferrule", MFD_CLOEXEC);

	bytes &= ~(uint64_t)(PAGE_BYTES - 1);
	return fd >= 0 && ftruncate(fd, (off_t)(bytes + host_ram_data_bytes())) == 0 &&
	       host_ram_map(fd, PAGE_BYTES, bytes);
}
