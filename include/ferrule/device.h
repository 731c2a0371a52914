/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The list of devices and what their queues have cost. Context: thread. */

#ifndef FERRULE_DEVICE_H
#define FERRULE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

struct ferrule_device_info {
	char name[16];	       /* "net0"; "virtio-26" for a type without driver */
	char where[16];	       /* "pci 0:03.0" */
	const char *transport; /* "PCI", "PCI legacy" */
	const char *interrupts;
	uint64_t offered[2], negotiated[2]; /* feature bits */
	bool live, broken;
	uint64_t config_interrupts, spurious_interrupts;
	uint64_t violations;	     /* rules it broke, resets it asked for */
	uint64_t resets, recoveries; /* of the device; how often it came back */
	uint64_t queue_resets;	     /* of one queue alone */
	unsigned queues;
};
/* The index-th virtio device; false past the last. */
bool ferrule_device_info(unsigned index, struct ferrule_device_info *out);

struct ferrule_queue_info {
	char name[16];
	unsigned size, free;
	uint64_t added, used, kicks, kicks_saved, interrupts, full, length_clamped;
};
bool ferrule_queue_info(unsigned device, unsigned queue, struct ferrule_queue_info *out);

#endif
