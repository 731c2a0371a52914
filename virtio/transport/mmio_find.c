/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Where virtio MMIO devices are (VIRTIO 1.3 §4.2.1) [MMI-11]: ACPI declares them, and the
 * kernel's command line names them in the form that Linux has for it,
 *
 *	virtio_mmio.device=SIZE@ADDRESS:INTERRUPT[:NUMBER]
 *
 * which a monitor that has no ACPI appends by itself, even behind "--". */

#include <arch/mmu.h>
#include <kernel/aml.h>
#include <kernel/cmdline.h>
#include <kernel/format.h>
#include <kernel/heap.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <virtio/transport/mmio.h>

#define REGISTERS_MAX  0x10000 /* there is no device type with more */
#define VERSION_LEGACY 1
#define VERSION_MODERN 2

struct virtio_mmio *virtio_mmio_devices;

const char virtio_mmio_key[] = "virtio_mmio.device";
static const struct cmdline_key virtio_mmio_cmdline = {
	.name = virtio_mmio_key,
	.help = "SIZE@ADDRESS:INTERRUPT[:NUMBER]: registers of a virtio device; may be "
		"given more than once",
};
LINKSET_ENTRY(cmdline_keys, virtio_mmio_cmdline);

static bool known(uint64_t address)
{
	for (struct virtio_mmio *each = virtio_mmio_devices; each; each = each->next)
		if (each->address == address)
			return true;
	return false;
}

/* Registers of several devices may share a page, which is mapped once. */
static volatile uint8_t *map(uint64_t address, uint64_t bytes)
{
	static volatile uint8_t *page;
	static uint64_t page_address = UINT64_MAX;
	uint64_t first = address & ~(uint64_t)(PAGE_BYTES - 1);

	if (address - first + bytes > PAGE_BYTES)
		return arch_map_device(address, bytes);
	if (first != page_address) {
		page = arch_map_device(first, PAGE_BYTES);
		page_address = page ? first : UINT64_MAX;
	}
	return page ? page + (address - first) : NULL;
}

static void add(const struct virtio_mmio *found)
{
	struct virtio_mmio *self = kmalloc(sizeof(*self));

	if (!self) {
		log_error("virtio: %s: no memory for it", found->device.where);
		return;
	}
	*self = *found;
	self->next = virtio_mmio_devices;
	virtio_mmio_devices = self;
	if (!virtio_driver_linked(self->device.id)) /* it is to leave our memory alone */
		mmio_set(self, MMIO_STATUS, 0);
	virtio_device_add(&self->device);
}

/* §4.2.3.1: nothing else of a place without device is touched, and nothing is said of it
 * [MMI-01]. */
void virtio_mmio_probe(uint64_t address, uint64_t bytes, unsigned gsi)
{
	struct virtio_mmio self = { .address = address, .gsi = gsi };
	uint32_t version;

	format(self.device.where, sizeof(self.device.where), "mmio %llx",
	       (unsigned long long)address);
	if (address % 4 || bytes < MMIO_CONFIG || address + bytes < address) {
		log_warn("virtio: %s: no place for registers", self.device.where);
		return;
	}
	if (known(address))
		return;
	self.bytes = bytes < REGISTERS_MAX ? (uint32_t)bytes : REGISTERS_MAX;
	self.registers = map(address, self.bytes);
	if (!self.registers || mmio_get(&self, MMIO_MAGIC) != MMIO_MAGIC_VALUE)
		return;
	version = mmio_get(&self, MMIO_VERSION);
	if (version != VERSION_LEGACY && version != VERSION_MODERN) {
		log_warn("virtio: %s: version %u is unknown", self.device.where, version);
		return;
	}
	self.device.id = mmio_get(&self, MMIO_DEVICE_ID);
	if (!self.device.id)
		return;
	self.device.transport = version == VERSION_LEGACY ? &virtio_mmio_legacy
							  : &virtio_mmio_modern;
	self.device.interrupts = "none";
	add(&self);
}

static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* A number as C writes it, decimal or hexadecimal, with K, M or G behind; *at steps past
 * it. */
static bool number(const char **at, uint64_t *value)
{
	unsigned base = (*at)[0] == '0' && ((*at)[1] | 0x20) == 'x' ? 16 : 10;
	const char *start;

	*value = 0;
	*at += base == 16 ? 2 : 0;
	for (start = *at; digit(**at) < base; ++*at) {
		if (*value > UINT64_MAX / 16 - 1)
			return false;
		*value = *value * base + digit(**at);
	}
	if (*at == start)
		return false;
	for (const char *suffix = "kmg"; *suffix; suffix++) {
		if ((**at | 0x20) != *suffix)
			continue;
		++*at;
		*value <<= 10 * (suffix - "kmg" + 1);
	}
	return true;
}

static void from_cmdline(const char *text)
{
	uint64_t bytes, address, gsi, id;
	const char *at = text;
	bool good = number(&at, &bytes) && *at++ == '@' && number(&at, &address) &&
		    *at++ == ':' && number(&at, &gsi);

	if (good && *at == ':') {
		at++;
		good = number(&at, &id);
	}
	if (good && !*at && gsi <= UINT32_MAX)
		virtio_mmio_probe(address, bytes, (unsigned)gsi);
	else
		log_warn("virtio: %s=%s is not SIZE@ADDRESS:INTERRUPT", virtio_mmio_key,
			 text);
}

struct place {
	uint64_t address, bytes;
	uint64_t gsi;
	bool interrupt;
};

static void take_resource(const struct aml_resource *resource, void *context)
{
	struct place *place = context;

	if (resource->kind == AML_INTERRUPT && !place->interrupt) {
		place->interrupt = true;
		place->gsi = resource->first;
	} else if (resource->kind == AML_MEMORY && !place->bytes) {
		place->address = resource->first;
		place->bytes = resource->last - resource->first + 1;
	}
}

static void from_acpi(const struct aml *device)
{
	struct place place = { 0 };

	aml_resources(device, take_resource, &place);
	if (place.bytes && place.interrupt)
		virtio_mmio_probe(place.address, place.bytes, (unsigned)place.gsi);
}

void virtio_mmio_scan(void)
{
	struct aml block, device;
	const char *text;

	for (unsigned i = 0; aml_block(i, &block); i++)
		while (aml_device_next(&block, &device))
			if (aml_is_a(&device, "LNRO0005"))
				from_acpi(&device);
	for (unsigned i = 0; (text = cmdline_value(virtio_mmio_key, i)); i++)
		from_cmdline(text);
	while ((text = cmdline_take(virtio_mmio_key)))
		from_cmdline(text);
}
INIT_CALL(INIT_BUS, virtio_mmio_scan);
