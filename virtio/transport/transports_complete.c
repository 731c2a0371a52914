/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The transports, and the parts of one, that a console alone does without. */

#include <kernel/pci_hotplug.h>
#include <virtio/transport/mmio.h>
#include <virtio/transport/pci.h>
#include <virtio/transport/transports.h>

const void *const virtio_transports_complete[] = {
	virtio_mmio_key,
	(const void *)pci_map_once,
	(const void *)virtio_pci_queue_reset,
	(const void *)virtio_pci_removed,
	(const void *)virtio_pci_window_find,
	(const void *)virtio_pci_handle_all,
	(const void *)pci_roots_scan,
	&pci_port_driver,
	(const void *)acpi_hotplug_init,
};
