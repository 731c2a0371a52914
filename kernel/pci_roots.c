/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Root buses beside bus 0, as ACPI declares them: host bridges with a base bus number. */

#include <kernel/aml.h>
#include <kernel/init.h>
#include <kernel/pci.h>
#include <kernel/pci_hotplug.h>

void pci_roots_scan(void)
{
	struct aml block, device, object;

	for (unsigned i = 0; aml_block(i, &block); i++) {
		while (aml_device_next(&block, &device)) {
			uint64_t bus = 0;

			if ((aml_is_a(&device, "PNP0A03") ||
			     aml_is_a(&device, "PNP0A08")) &&
			    aml_name(&device, "_BBN", &object) &&
			    aml_integer(object, &bus) && bus && bus <= UINT8_MAX)
				pci_scan_root((uint8_t)bus);
		}
	}
}
INIT_CALL(INIT_BUS, pci_roots_scan);
