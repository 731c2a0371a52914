/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: pci tests/fuzz/two_queues.c */

/* PCI functions whose configuration space lies: capabilities that loop or overlap, base
 * addresses, tables of vectors, and virtio structures outside of what they are in
 * (requirements PCI). */

#include <kernel/pci.h>
#include "mock/pci.h"
#include "two_queues.h"

static void scramble(struct mock_pci *pci, struct mock_chaos *chaos)
{
	for (unsigned left = mock_chaos_byte(chaos) % 32; left; left--) {
		uint8_t at = mock_chaos_byte(chaos);

		pci->config[at] = mock_chaos_byte(chaos);
	}
}

void fuzz_one(const uint8_t *data, size_t bytes)
{
	struct mock_chaos chaos;
	struct mock_pci *pci;
	struct mock *mock;
	uint8_t kind;

	mock_pci_reset();
	mock_pci_lenient = true;
	kind = two_queues_begin(&chaos, data, bytes);
	scramble(mock_pci_bridge(0, 1, 1), &chaos);
	mock = two_queues_new(kind);
	mock->vectors = mock_chaos_byte(&chaos) % 18;
	pci = mock_pci_virtio(mock, kind >> 6 & 1, 2, 1 + kind % 3);
	scramble(pci, &chaos);
	mock->chaos = &chaos;
	pci_scan();
	two_queues_use(mock, &chaos);
	two_queues_end(mock, &chaos, mock_pci_end);
}
