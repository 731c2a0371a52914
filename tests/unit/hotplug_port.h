/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A PCI Express port with a hot plug slot, on bus 0, for tests of plugging. Included by one
 * test file each. */

#ifndef HOTPLUG_PORT_H
#define HOTPLUG_PORT_H

#include <kernel/pci_hotplug.h>
#include "mock/three_queues.h"

#define BUS	       5
#define PORT_LINE      10
#define MEMORY_FIRST   0xe0000000u
#define MEMORY_LAST    0xe01fffffu
#define PREFETCH_FIRST 0x7000000000u
#define PREFETCH_LAST  0x70000fffffu

#define SLOT_CAPS 0x43 /* button, power controller, hot plug */
#define CONTROL	  0x18
#define STATUS	  0x1a
#define POWER_OFF 0x400
#define BUTTON	  0x01
#define CHANGED	  0x08
#define COMPLETED 0x10
#define PRESENT	  0x40

static struct mock_pci *port;
static unsigned express;
static bool completes, stuck;

static uint16_t slot_get(unsigned at)
{
	return (uint16_t)(mock_pci_get32(port, (express + at) & ~3u) >>
			  ((express + at) % 4 * 8));
}

static void slot_set(unsigned at, uint16_t value)
{
	memcpy(port->config + express + at, &value, 2);
}

/* The slot's registers: status bits are cleared by writing them. */
static bool slot_write(struct mock_pci *pci, unsigned offset, unsigned width,
		       uint32_t value)
{
	(void)pci;
	if (width != 2)
		return false;
	if (offset == express + CONTROL) {
		slot_set(CONTROL, (uint16_t)value);
		if (completes)
			slot_set(STATUS, slot_get(STATUS) | COMPLETED);
		return true;
	}
	if (offset == express + STATUS && !stuck)
		slot_set(STATUS, slot_get(STATUS) & (uint16_t) ~(value & 0x11f));
	return offset == express + STATUS;
}

static void add_port(void)
{
	uint8_t content[0x1c - 2] = { 0x42, 0x01 };

	port = mock_pci_bridge(0, 2, BUS);
	port->config[0x0b] = 6;
	port->config[0x0a] = 4;
	port->config[0x3c] = PORT_LINE;
	port->config[0x3d] = 1;
	port->config[0x1c] = 0x10;
	port->config[0x1d] = 0x10;
	mock_pci_set32(port, 0x20, MEMORY_FIRST >> 16 | (MEMORY_LAST & 0xfff00000));
	mock_pci_set32(port, 0x24,
		       (PREFETCH_FIRST >> 16 & 0xfff0) | (PREFETCH_LAST & 0xfff00000) |
			       0x10001);
	mock_pci_set32(port, 0x28, PREFETCH_FIRST >> 32);
	mock_pci_set32(port, 0x2c, PREFETCH_LAST >> 32);
	content[0x14 - 2] = SLOT_CAPS;
	express = mock_pci_capability(port, 0x10, content, sizeof(content));
	port->write = slot_write;
	completes = true;
	stuck = false;
	slot_set(CONTROL, POWER_OFF);
}

static void event(uint16_t status)
{
	slot_set(STATUS, status);
	assert_true(host_irq_line(PORT_LINE));
	host_threads_run();
}

static uint64_t address_of(const struct mock_pci *pci, unsigned bar)
{
	return mock_pci_get32(pci, 0x10 + 4 * bar) & ~15u;
}

static inline struct mock_pci *plug(void)
{
	struct mock_pci *pci = mock_pci_virtio(three_mock(4), BUS, 0, MOCK_PCI_MODERN);

	pci->config[4] = 0; /* as after power came */
	event(PRESENT | CHANGED | BUTTON);
	return pci;
}

static inline void free_unplugged(void)
{
	host_clock_advance(1); /* broken() */
	host_threads_run();    /* removed() */
	host_clock_advance(2 * NS_PER_SEC);
	host_threads_run();
	found = NULL;
}

/* The port goes, too: with what it is on. */
static int end(void **state)
{
	pci_slot_unplugged(0, 2, true);
	return three_end(state);
}

#define hotplug_test(function) cmocka_unit_test_setup_teardown(function, three_begin, end)

#endif
