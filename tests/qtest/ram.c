/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* RAM is QEMU's: the file FERRULE_QTEST_RAM, from the first MiB on. The program's data is
 * at its end, where devices reach it as any other memory. From here on
 * the machine is as a kernel finds it. */

#include <fcntl.h>
#include <stdlib.h>
#include <host/ram.h>
#include "qtest.h"

#define FIRST (1ul << 20)

bool host_ram_init(uint64_t bytes)
{
	const char *path = getenv("FERRULE_QTEST_RAM");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0 || !host_ram_map(fd, FIRST, bytes - host_ram_data_bytes()))
		return false;
	qtest_open();
	qtest_firmware();
	qtest_interrupts_begin();
	return true;
}
