/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Device access over QEMU's qtest socket. */

#ifndef ARCH_IO_H
#define ARCH_IO_H

#include <stdint.h>

uint32_t qtest_mmio_read(const volatile void *address, unsigned width);
void qtest_mmio_write(volatile void *address, unsigned width, uint32_t value);
uint32_t qtest_port_read(uint16_t port, unsigned width);
void qtest_port_write(uint16_t port, unsigned width, uint32_t value);

static inline uint8_t mmio_read8(const volatile void *address)
{
	return (uint8_t)qtest_mmio_read(address, 1);
}

static inline uint16_t mmio_read16(const volatile void *address)
{
	return (uint16_t)qtest_mmio_read(address, 2);
}

static inline uint32_t mmio_read32(const volatile void *address)
{
	return qtest_mmio_read(address, 4);
}

static inline void mmio_write8(volatile void *address, uint8_t value)
{
	qtest_mmio_write(address, 1, value);
}

static inline void mmio_write16(volatile void *address, uint16_t value)
{
	qtest_mmio_write(address, 2, value);
}

static inline void mmio_write32(volatile void *address, uint32_t value)
{
	qtest_mmio_write(address, 4, value);
}

static inline uint8_t port_read8(uint16_t port)
{
	return (uint8_t)qtest_port_read(port, 1);
}

static inline uint16_t port_read16(uint16_t port)
{
	return (uint16_t)qtest_port_read(port, 2);
}

static inline uint32_t port_read32(uint16_t port)
{
	return qtest_port_read(port, 4);
}

static inline void port_write8(uint16_t port, uint8_t value)
{
	qtest_port_write(port, 1, value);
}

static inline void port_write16(uint16_t port, uint16_t value)
{
	qtest_port_write(port, 2, value);
}

static inline void port_write32(uint16_t port, uint32_t value)
{
	qtest_port_write(port, 4, value);
}

#endif
