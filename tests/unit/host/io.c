/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Register accesses on the host: to the test's hooks. */

#include <stdlib.h>
#include <arch/io.h>
#include "host.h"

struct host_io host_io;

uint32_t host_port_read(uint16_t port, unsigned width)
{
	if (host_io.port_read)
		return host_io.port_read(port, width);
	return width == 4 ? 0xffffffff : (1u << 8 * width) - 1;
}

void host_port_write(uint16_t port, unsigned width, uint32_t value)
{
	if (host_io.port_write)
		host_io.port_write(port, width, value);
}

uint32_t host_mmio_read(const volatile void *address, unsigned width)
{
	if (host_io.mmio_read)
		return host_io.mmio_read(address, width);
	switch (width) {
	case 1:
		return *(const volatile uint8_t *)address;
	case 2:
		return *(const volatile uint16_t *)address;
	default:
		return *(const volatile uint32_t *)address;
	}
}

void host_mmio_write(volatile void *address, unsigned width, uint32_t value)
{
	if (host_io.mmio_write) {
		host_io.mmio_write(address, width, value);
		return;
	}
	switch (width) {
	case 1:
		*(volatile uint8_t *)address = (uint8_t)value;
		break;
	case 2:
		*(volatile uint16_t *)address = (uint16_t)value;
		break;
	default:
		*(volatile uint32_t *)address = value;
	}
}
