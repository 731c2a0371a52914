/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A PCI bus in memory: configuration space, BARs, and who answers at an address. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "host/host.h"
#include "mock/chaos.h"
#include "mock/pci.h"
#include "mock/virtio_pci.h"

#define COMMAND	   0x04
#define ECAM_BUSES 4

static struct mock_pci *functions;
static uint32_t port_address;
static bool ports_there;
static uint8_t *ecam;
static uint16_t next_port;
uint64_t mock_pci_config_accesses;
bool mock_pci_lenient;

void mock_pci_set32(struct mock_pci *pci, unsigned offset, uint32_t value)
{
	memcpy(pci->config + offset, &value, 4);
}

uint32_t mock_pci_get32(const struct mock_pci *pci, unsigned offset)
{
	uint32_t value;

	memcpy(&value, pci->config + offset, 4);
	return value;
}

void mock_pci_violation(const char *fmt, ...)
{
	va_list args;

	if (mock_pci_lenient)
		return;
	va_start(args, fmt);
	fprintf(stderr, "mock PCI: ");
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "\n");
	va_end(args);
	abort();
}

static struct mock_pci *find(unsigned bus, unsigned slot, unsigned function)
{
	for (struct mock_pci *each = functions; each; each = each->next)
		if (each->bus == bus && each->slot == slot &&
		    each->function == function && !each->gone)
			return each;
	return NULL;
}

static uint32_t ones(unsigned width)
{
	return UINT32_MAX >> 8 * (4 - width);
}

static uint32_t config_read(struct mock_pci *pci, unsigned offset, unsigned width)
{
	uint32_t value = 0;

	mock_pci_config_accesses++;
	if (offset % width)
		mock_pci_violation("configuration read of width %u at %#x", width,
				   offset);
	if (!pci)
		return ones(width);
	pci->config_space_reads++;
	memcpy(&value, pci->config + offset, width);
	if (pci->window && offset == pci->window + 16)
		mock_pci_window_read(pci, width, &value);
	return pci->mock ? mock_chaos_register(pci->mock, value, width) : value;
}

/* What it decodes from now on. */
static void bar_moved(struct mock_pci *pci, unsigned index)
{
	struct mock_pci_bar *bar = &pci->bars[index];
	uint32_t low = mock_pci_get32(pci, 0x10 + 4 * index);

	bar->base = low & ~(bar->io ? 3u : 15u);
	if (bar->wide)
		bar->base |= (uint64_t)mock_pci_get32(pci, 0x14 + 4 * index) << 32;
}

/* A base address register keeps the bits above its size. */
static void bar_write(struct mock_pci *pci, unsigned index, uint32_t value)
{
	struct mock_pci_bar *bar = &pci->bars[index];
	bool upper = index > 0 && pci->bars[index - 1].wide;
	uint32_t old = mock_pci_get32(pci, 0x10 + 4 * index);

	if (pci->config[COMMAND] & 3)
		mock_pci_violation("BAR %u written with decoding on", index);
	if (upper) {
		mock_pci_set32(
			pci, 0x10 + 4 * index,
			value & (uint32_t)(~(pci->bars[index - 1].bytes - 1) >> 32));
		bar_moved(pci, index - 1);
		return;
	}
	if (!bar->bytes)
		return;
	value &= (uint32_t) ~(bar->bytes - 1);
	mock_pci_set32(pci, 0x10 + 4 * index, value | (old & (bar->io ? 3u : 15u)));
	bar_moved(pci, index);
}

static bool is_bridge(const struct mock_pci *pci)
{
	return (pci->config[0x0e] & 0x7f) == 1;
}

static void config_write(struct mock_pci *pci, unsigned offset, unsigned width,
			 uint32_t value)
{
	mock_pci_config_accesses++;
	if (offset % width)
		mock_pci_violation("configuration write of width %u at %#x", width,
				   offset);
	if (!pci)
		return;
	pci->config_space_writes++;
	if (is_bridge(pci) && offset >= 0x18 && offset < 0x34) {
		if (!pci->write || !pci->write(pci, offset, width, value))
			memcpy(pci->config + offset, &value, width);
	} else if (offset >= 0x10 && offset < 0x28) {
		if (width != 4)
			mock_pci_violation("BAR written with width %u", width);
		bar_write(pci, (offset - 0x10) / 4, value);
	} else if (offset == COMMAND || offset == 0x3c) {
		memcpy(pci->config + offset, &value, width);
	} else if (pci->window && offset >= pci->window + 4 &&
		   offset < pci->window + 20) {
		mock_pci_window_write(pci, offset, width, value);
	} else if (offset >= 0x40 && pci->config[offset - 2] == 0x11 && width == 2) {
		uint16_t fixed = (uint16_t)(mock_pci_get32(pci, offset - 2) >> 16) &
				 0x3fff;

		value = fixed | (value & 0xc000); /* MSI-X control */
		memcpy(pci->config + offset, &value, 2);
	} else if (!pci->write || !pci->write(pci, offset, width, value)) {
		mock_pci_violation("configuration write at %#x", offset); /* PCI-07 */
	}
}

/* The function and BAR that decode an address now. */
static struct mock_pci *decode(bool io, uint64_t address, unsigned *bar, uint64_t *offset)
{
	for (struct mock_pci *each = functions; each; each = each->next) {
		for (unsigned i = 0; i < 6; i++) {
			const struct mock_pci_bar *one = &each->bars[i];

			if (one->bytes == 0 || one->io != io || address < one->base ||
			    address >= one->base + one->bytes)
				continue;
			if (!each->gone && !(each->config[COMMAND] & (io ? 1 : 2)))
				mock_pci_violation("access with decoding off");
			*bar = i;
			*offset = address - one->base;
			return each;
		}
	}
	return NULL;
}

static uint32_t port_read(uint16_t port, unsigned width)
{
	struct mock_pci *pci;
	uint64_t offset;
	unsigned bar;

	if (port == 0xcf8 && ports_there)
		return port_address;
	if (port >= 0xcfc && port < 0xd00 && ports_there)
		return config_read(port_address >> 31 ? find(port_address >> 16 & 0xff,
							     port_address >> 11 & 0x1f,
							     port_address >> 8 & 7)
						      : NULL,
				   (port_address & 0xfc) + port % 4, width);
	pci = decode(true, port, &bar, &offset);
	if (!pci || pci->gone)
		return ones(width);
	return mock_pci_register_read(pci, bar, offset, width);
}

static void port_write(uint16_t port, unsigned width, uint32_t value)
{
	struct mock_pci *pci;
	uint64_t offset;
	unsigned bar;

	if (port == 0xcf8) {
		port_address = ports_there ? value : UINT32_MAX;
		return;
	}
	if (port >= 0xcfc && port < 0xd00) {
		if (ports_there && port_address >> 31)
			config_write(find(port_address >> 16 & 0xff,
					  port_address >> 11 & 0x1f,
					  port_address >> 8 & 7),
				     (port_address & 0xfc) + port % 4, width, value);
		return;
	}
	pci = decode(true, port, &bar, &offset);
	if (!pci)
		mock_pci_violation("write to port %#x, which is nobody's", port);
	else if (!pci->gone)
		mock_pci_register_write(pci, bar, offset, width, value);
}

static bool in_ecam(const volatile void *address, struct mock_pci **pci, unsigned *offset)
{
	uint64_t at = (uintptr_t)address - (uintptr_t)ecam;

	if (!ecam || at >= ECAM_BUSES << 20)
		return false;
	*pci = find((unsigned)(at >> 20), at >> 15 & 31, at >> 12 & 7);
	*offset = at & 0xfff;
	return true;
}

static uint32_t mmio_read(const volatile void *address, unsigned width)
{
	struct mock_pci *pci;
	unsigned bar, config_offset;
	uint64_t offset;

	if (in_ecam(address, &pci, &config_offset))
		return config_read(pci, config_offset, width);
	pci = decode(false, (uintptr_t)address, &bar, &offset);
	if (!pci)
		mock_pci_violation("read at %p, which is nobody's",
				   (const void *)address);
	return !pci || pci->gone ? ones(width)
				 : mock_pci_register_read(pci, bar, offset, width);
}

static void mmio_write(volatile void *address, unsigned width, uint32_t value)
{
	struct mock_pci *pci;
	unsigned bar, config_offset;
	uint64_t offset;

	if (in_ecam(address, &pci, &config_offset)) {
		config_write(pci, config_offset, width, value);
		return;
	}
	pci = decode(false, (uintptr_t)address, &bar, &offset);
	if (!pci)
		mock_pci_violation("write at %p, which is nobody's", (void *)address);
	else if (!pci->gone)
		mock_pci_register_write(pci, bar, offset, width, value);
}

void mock_pci_reset(void)
{
	host_io = (struct host_io){ port_read, port_write, mmio_read, mmio_write };
	mock_raise_queue = mock_pci_raise_queue;
	mock_raise_config = mock_pci_raise_config;
	mock_pci_config_accesses = 0;
	next_port = 0xc000;
	ports_there = true;
	port_address = 0;
}

uint64_t mock_pci_ecam(void)
{
	if (!ecam)
		ecam = mmap(NULL, ECAM_BUSES << 20, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return (uintptr_t)ecam;
}

void mock_pci_ports(bool there)
{
	ports_there = there;
}

struct mock_pci *mock_pci_add(unsigned bus, unsigned slot, unsigned function,
			      uint16_t vendor, uint16_t device)
{
	struct mock_pci *pci = calloc(1, sizeof(*pci));
	struct mock_pci *first = find(bus, slot, 0);

	pci->bus = (uint8_t)bus;
	pci->slot = (uint8_t)slot;
	pci->function = (uint8_t)function;
	mock_pci_set32(pci, 0, (uint32_t)device << 16 | vendor);
	pci->next_capability = 0x40;
	if (function && first)
		first->config[0x0e] |= 0x80;
	pci->next = functions;
	functions = pci;
	return pci;
}

struct mock_pci *mock_pci_bridge(unsigned bus, unsigned slot, uint8_t secondary)
{
	struct mock_pci *pci = mock_pci_add(bus, slot, 0, 0x1b36, 0x000c);

	pci->config[0x0e] = 1;
	pci->config[0x19] = secondary;
	return pci;
}

/* Where the host has room, preferably at the same address each time: tests that lie with
 * addresses are to find the same in each run. */
static char *map(size_t bytes, bool wide)
{
	static uintptr_t low = 0x50000000, high = 0x520000000000;
	uintptr_t *next = wide ? &high : &low;
	void *memory = mmap((void *)*next, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	*next += bytes;
	if (wide || (uintptr_t)memory + bytes <= UINT32_MAX)
		return memory;
	munmap(memory, bytes);
	return mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_32BIT, -1, 0);
}

/* Memory BARs lie where host memory lies; 32-bit ones in the low half. */
void mock_pci_bar(struct mock_pci *pci, unsigned index, uint64_t bytes, bool io,
		  bool wide)
{
	struct mock_pci_bar *bar = &pci->bars[index];
	uint64_t span = bytes < 4096 ? 4096 : bytes;

	*bar = (struct mock_pci_bar){ .bytes = bytes, .io = io, .wide = wide };
	if (io) {
		bar->base = next_port;
		next_port = (uint16_t)(next_port + bytes);
	} else {
		char *memory = map(2 * span, wide);

		bar->mapping = memory;
		bar->memory = (uint8_t *)(((uintptr_t)memory + span - 1) &
					  ~(uintptr_t)(span - 1));
		bar->base = (uintptr_t)bar->memory;
	}
	mock_pci_set32(pci, 0x10 + 4 * index,
		       (uint32_t)bar->base | (io     ? 1u
					      : wide ? 4u
						     : 0u));
	if (wide)
		mock_pci_set32(pci, 0x14 + 4 * index, (uint32_t)(bar->base >> 32));
}

unsigned mock_pci_capability(struct mock_pci *pci, uint8_t id, const void *content,
			     unsigned bytes)
{
	unsigned at = pci->next_capability;

	pci->config[6] |= 0x10;
	pci->config[pci->last_capability ? pci->last_capability + 1u : 0x34u] = (uint8_t)
		at;
	pci->config[at] = id;
	pci->config[at + 1] = 0;
	memcpy(pci->config + at + 2, content, bytes);
	pci->last_capability = (uint8_t)at;
	pci->next_capability = (uint8_t)((at + 2 + bytes + 3) & ~3u);
	return at;
}

void mock_pci_end(void)
{
	mock_pci_forget_devices();
	while (functions) {
		struct mock_pci *pci = functions;

		functions = pci->next;
		if (pci->mock) {
			if (pci->mock->status & VIRTIO_STATUS_DRIVER_OK && !pci->gone)
				mock_pci_violation(
					"a device still live after the shutdown");
			mock_free(pci->mock);
		}
		for (unsigned i = 0; i < 6; i++) {
			uint64_t bytes = pci->bars[i].bytes;

			if (pci->bars[i].mapping)
				munmap(pci->bars[i].mapping,
				       2 * (bytes < 4096 ? 4096 : bytes));
		}
		free(pci);
	}
}
