/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Device access on the host: every access goes to four functions. In the unit tests they are
 * tests/unit/host/io.c's, which call hooks, behind which a mock plays the device and counts. */

#ifndef ARCH_IO_H
#define ARCH_IO_H

#include <stdint.h>

/* Unset hooks: ports read all ones and swallow writes; MMIO is plain memory. */
struct host_io {
	uint32_t (*port_read)(uint16_t port, unsigned width);
	void (*port_write)(uint16_t port, unsigned width, uint32_t value);
	uint32_t (*mmio_read)(const volatile void *address, unsigned width);
	void (*mmio_write)(volatile void *address, unsigned width, uint32_t value);
};
extern struct host_io host_io;

uint32_t host_port_read(uint16_t port, unsigned width);
void host_port_write(uint16_t port, unsigned width, uint32_t value);
uint32_t host_mmio_read(const volatile void *address, unsigned width);
void host_mmio_write(volatile void *address, unsigned width, uint32_t value);

static inline uint8_t mmio_read8(const volatile void *address)
{
	return (uint8_t)host_mmio_read(address, 1);
}

static inline uint16_t mmio_read16(const volatile void *address)
{
	return (uint16_t)host_mmio_read(address, 2);
}

static inline uint32_t mmio_read32(const volatile void *address)
{
	return host_mmio_read(address, 4);
}

static inline void mmio_write8(volatile void *address, uint8_t value)
{
	host_mmio_write(address, 1, value);
}

static inline void mmio_write16(volatile void *address, uint16_t value)
{
	host_mmio_write(address, 2, value);
}

static inline void mmio_write32(volatile void *address, uint32_t value)
{
	host_mmio_write(address, 4, value);
}

static inline uint8_t port_read8(uint16_t port)
{
	return (uint8_t)host_port_read(port, 1);
}

static inline uint16_t port_read16(uint16_t port)
{
	return (uint16_t)host_port_read(port, 2);
}

static inline uint32_t port_read32(uint16_t port)
{
	return host_port_read(port, 4);
}

static inline void port_write8(uint16_t port, uint8_t value)
{
	host_port_write(port, 1, value);
}

static inline void port_write16(uint16_t port, uint16_t value)
{
	host_port_write(port, 2, value);
}

static inline void port_write32(uint16_t port, uint32_t value)
{
	host_port_write(port, 4, value);
}

#endif
