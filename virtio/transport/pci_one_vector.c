/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <virtio/transport/pci.h>

/* One vector for everything. The ISR is not read with MSI-X on [PCI-17], and a look at the
 * configuration is dear: only when it has changed, or when no queue was meant. */
bool virtio_pci_handle_all(void *context)
{
	struct virtio_pci *self = context;
	struct virtio_device *device = context;
	uint64_t spurious = device->counters.spurious_interrupts;
	uint32_t generation = device->transport->config_generation(device);

	virtio_interrupt_queues(device);
	if (generation != self->generation ||
	    device->counters.spurious_interrupts != spurious)
		virtio_interrupt_config(device);
	device->counters.spurious_interrupts = spurious;
	self->generation = generation;
	return true;
}
