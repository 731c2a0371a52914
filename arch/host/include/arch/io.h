/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Device registers of a machine that has none: its devices are other processes, reached by
 * messages, shared memory and eventfds. Ports read all ones, as where nothing answers. */

#ifndef ARCH_IO_H
#define ARCH_IO_H

#include <stdint.h>

static inline uint8_t mmio_read8(const volatile void *address)
{
	return *(const volatile uint8_t *)address;
}

static inline uint16_t mmio_read16(const volatile void *address)
{
	return *(const volatile uint16_t *)address;
}

static inline uint32_t mmio_read32(const volatile void *address)
{
	return *(const volatile uint32_t *)address;
}

static inline void mmio_write8(volatile void *address, uint8_t value)
{
	*(volatile uint8_t *)address = value;
}

static inline void mmio_write16(volatile void *address, uint16_t value)
{
	*(volatile uint16_t *)address = value;
}

static inline void mmio_write32(volatile void *address, uint32_t value)
{
	*(volatile uint32_t *)address = value;
}

static inline uint8_t port_read8(uint16_t port)
{
	(void)port;
	return UINT8_MAX;
}

static inline uint16_t port_read16(uint16_t port)
{
	(void)port;
	return UINT16_MAX;
}

static inline uint32_t port_read32(uint16_t port)
{
	(void)port;
	return UINT32_MAX;
}

static inline void port_write8(uint16_t port, uint8_t value)
{
	(void)port;
	(void)value;
}

static inline void port_write16(uint16_t port, uint16_t value)
{
	(void)port;
	(void)value;
}

static inline void port_write32(uint16_t port, uint32_t value)
{
	(void)port;
	(void)value;
}

#endif
