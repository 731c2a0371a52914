/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What ACPI's byte code (AML, ACPI 6.5 §20) declares, without running any: devices with
 * the names directly in them, resource templates, operation regions. Methods are not
 * executed, so what a machine computes is not seen; virtual machines declare.
 *
 * Firmware is believed no further than the table reaches; each walk ends with it. */

#ifndef KERNEL_AML_H
#define KERNEL_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aml {
	const uint8_t *at, *end;
};

/* The byte code of definition block `number`: 0 is the DSDT, then come the SSDTs. */
bool aml_block(unsigned number, struct aml *out);

/* Each device declared in [block.at, block.end), at any depth, in order: the bytes after its
 * name. Steps block->at past its head; false when there is no more. */
bool aml_device_next(struct aml *block, struct aml *device);

/* Each scope of the block that adds to that device (it ends in the device's name), in order:
 * what is in it, to be asked as a device is. */
bool aml_scope_next(struct aml *block, const struct aml *device, struct aml *scope);

/* The bytes of the object that `name` (four characters) is declared as directly in a device:
 * not in a device within. False: there is none. */
bool aml_name(const struct aml *device, const char name[4], struct aml *object);
/* An object that is an integer; false if it is none. */
bool aml_integer(struct aml object, uint64_t *value);
/* Whether the device's _HID or _CID says that: a string, or the compressed form of one
 * (§19.3.4). */
bool aml_is_a(const struct aml *device, const char *id);

/* A resource of a device's _CRS. */
struct aml_resource {
	enum { AML_MEMORY, AML_PREFETCHABLE, AML_PORTS, AML_BUSES, AML_INTERRUPT } kind;
	uint64_t first, last; /* of an interrupt: its global system interrupt */
};
/* Calls visit for each in turn. */
void aml_resources(const struct aml *device,
		   void (*visit)(const struct aml_resource *, void *context),
		   void *context);

/* The first port of the system I/O operation region of that name, 0: there is none. */
uint16_t aml_port_region(const char name[4]);

#endif
