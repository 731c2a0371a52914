/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources:
 *	tests/unit/mock/pci.c tests/unit/mock/virtio_pci.c tests/unit/host/cmdline.c
 *	tests/unit/mock/mock.c tests/unit/mock/ring.c tests/unit/host/mmu.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	kernel/pci.c kernel/pci_config.c kernel/pci_bar.c kernel/pci_msix.c kernel/acpi.c
 *	virtio/transport/pci.c virtio/transport/pci_modern.c
 *	virtio/transport/pci_legacy.c virtio/transport/pci_interrupts.c
 *	virtio/transport/transports.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/split.c virtio/ring/virtqueue.c kernel/format.c */

/* The PCI scan: bridges, functions, BARs, capabilities, MSI-X, lines; and how little of
 * it there is. */

#include <errno.h>
#include <kernel/boot_info.h>
#include <unit.h>
#include "host/host.h"
#include "mock/pci.h"

static bool wanted(const struct pci_device *device)
{
	return device->vendor == 0x1234;
}

static unsigned probed;
static struct pci_device *last;
static int probe_result;

static int take(struct pci_device *device)
{
	probed++;
	last = device;
	return probe_result;
}

static const struct pci_driver test_driver = {
	.name = "test",
	.matches = wanted,
	.probe = take,
};
PCI_DRIVER(test_driver);

static int begin(void **state)
{
	(void)state;
	mock_pci_reset();
	probed = 0;
	probe_result = 0;
	last = NULL;
	return 0;
}

static int end(void **state)
{
	(void)state;
	mock_pci_end();
	return host_heap_live || host_page_live || host_irq_attached();
}

static unsigned count(void)
{
	unsigned found = 0;

	for (struct pci_device *each = pci_devices; each; each = each->next)
		found++;
	return found;
}

static void an_empty_bus(void **state)
{
	(void)state;
	pci_scan();
	assert_null(pci_devices);
	assert_true(mock_pci_config_accesses <= 32);
}

/* [PCI-24] */
static void functions_and_bridges(void **state)
{
	struct pci_device *each;

	(void)state;
	mock_pci_add(0, 0, 0, 0x8086, 0x29c0);
	mock_pci_add(0, 31, 0, 0x8086, 1);
	mock_pci_add(0, 31, 2, 0x8086, 2);
	mock_pci_add(0, 31, 7, 0x1234, 3);
	mock_pci_add(0, 30, 0, 0x8086, 4);
	mock_pci_bridge(0, 2, 5);
	mock_pci_bridge(5, 0, 3);
	mock_pci_add(5, 1, 0, 0x1234, 5);
	mock_pci_add(3, 0, 0, 0x1234, 6);
	pci_scan();
	assert_int_equal(count(), 9);
	assert_int_equal(probed, 3);
	for (each = pci_devices; each; each = each->next)
		assert_int_equal(each->driver != NULL, each->vendor == 0x1234);
	assert_int_equal(last->address.bus, 3);
	/* One id read for each place a function may be; three more for those there are. */
	assert_true(mock_pci_config_accesses < 3 * 32 + 8 + 9 * 3 + 3 * 6);
}

/* Function 1 of a device that does not say it has several does not exist. */
static void functions_need_the_flag(void **state)
{
	struct mock_pci *first = mock_pci_add(0, 3, 0, 0x8086, 1);

	(void)state;
	mock_pci_add(0, 3, 1, 0x1234, 1);
	first->config[0x0e] = 0;
	pci_scan();
	assert_int_equal(count(), 1);
	assert_int_equal(probed, 0);
}

/* [PCI-24] */
static void bridges_in_circles(void **state)
{
	(void)state;
	mock_pci_bridge(0, 1, 1);
	mock_pci_bridge(1, 1, 0);
	mock_pci_bridge(1, 2, 1);
	mock_pci_bridge(1, 3, 2);
	mock_pci_bridge(2, 3, 1);
	mock_pci_bridge(2, 4, 0); /* not set up */
	pci_scan();
	assert_int_equal(count(), 6);
}

/* [PCI-23] */
static void bars(void **state)
{
	struct mock_pci *pci = mock_pci_add(0, 4, 0, 0x1234, 1);

	(void)state;
	pci->config[4] = 3;
	mock_pci_bar(pci, 0, 32, true, false);
	mock_pci_bar(pci, 1, 4096, false, false);
	mock_pci_bar(pci, 2, 1 << 20, false, true);
	mock_pci_bar(pci, 4, 16384, false, true);
	pci_scan();
	assert_int_equal(pci->config_space_writes, 0); /* nobody asked */
	assert_true(pci_bar(last, 0)->io);
	assert_int_equal(pci_bar(last, 0)->bytes, 32);
	assert_int_equal(pci_bar(last, 0)->base, pci->bars[0].base);
	for (unsigned i = 1; i < 5; i += 1 + (i > 1)) {
		assert_false(pci_bar(last, i)->io);
		assert_int_equal(pci_bar(last, i)->bytes, pci->bars[i].bytes);
		assert_true(pci_bar(last, i)->base == pci->bars[i].base);
	}
	assert_int_equal(pci_bar(last, 5)->bytes, 0);
	assert_int_equal(pci_bar(last, 6)->bytes, 0);
	assert_int_equal(pci->config[4], 3); /* decoding as it was */
	assert_ptr_equal(pci_bar_map(last, 2, 4094, 8), pci->bars[2].memory + 4094);
	assert_ptr_equal(pci_bar_map(last, 4, 16380, 4), pci->bars[4].memory + 16380);
	assert_null(pci_bar_map(last, 4, 16380, 5));
	assert_null(pci_bar_map(last, 4, UINT64_MAX, 2));
	assert_null(pci_bar_map(last, 4, 0, 0));
	assert_null(pci_bar_map(last, 0, 0, 4));
	assert_null(pci_bar_map(last, 7, 0, 4));
}

static void unassigned_bars(void **state)
{
	struct mock_pci *pci = mock_pci_add(0, 4, 0, 0x1234, 1);

	(void)state;
	mock_pci_bar(pci, 1, 4096, false, false);
	mock_pci_set32(pci, 0x14, 0);
	pci_scan();
	assert_int_equal(pci_bar(last, 1)->bytes, 4096);
	assert_null(pci_bar_map(last, 1, 0, 4));
}

/* Registers that are said to lie in RAM, wholly or in part, are none: who maps them would
 * write over its own memory. Ports have nothing to do with RAM. */
static void bars_in_ram(void **state)
{
	struct mock_pci *pci = mock_pci_add(0, 4, 0, 0x1234, 1);

	(void)state;
	mock_pci_bar(pci, 0, 32, true, false);
	mock_pci_bar(pci, 2, 16384, false, true);
	mock_pci_bar(pci, 4, 4096, false, true);
	boot_info.range_count = 2;
	boot_info.ranges[0] = (struct boot_range){ 0, 0x10000 };
	boot_info.ranges[1] = (struct boot_range){ pci->bars[2].base + 16383, 1 };
	pci_scan();
	assert_int_equal(pci_bar(last, 0)->bytes, 32);
	assert_int_equal(pci_bar(last, 2)->bytes, 0);
	assert_null(pci_bar_map(last, 2, 0, 4));
	assert_ptr_equal(pci_bar_map(last, 4, 0, 4), pci->bars[4].memory);
	boot_info.range_count = 0;
}

/* [PCI-05] [PCI-30] */
static void capability_lists(void **state)
{
	struct mock_pci *pci = mock_pci_add(0, 4, 0, 0x1234, 1);
	unsigned first, second;

	(void)state;
	mock_pci_capability(pci, 1, "ab", 2);
	first = mock_pci_capability(pci, 9, "abcd", 4);
	second = mock_pci_capability(pci, 9, "x", 1);
	pci_scan();
	assert_int_equal(pci_capability(last, 9, 0), first);
	assert_int_equal(pci_capability(last, 9, first), second);
	assert_int_equal(pci_capability(last, 9, second), 0);
	assert_int_equal(pci_capability(last, 5, 0), 0);
	pci->config[second + 1] = (uint8_t)first; /* a loop */
	assert_int_equal(pci_capability(last, 5, 0), 0);
	pci->config[second + 1] = 0x10; /* into the header */
	assert_int_equal(pci_capability(last, 5, 0), 0);
	pci->gone = true;
	assert_int_equal(pci_capability(last, 9, 0), 0);
	pci->gone = false;
	pci->config[6] = 0; /* no list */
	assert_int_equal(pci_capability(last, 9, 0), 0);
}

static bool claim(void *context)
{
	unsigned *left = context;

	return *left && (*left)--;
}

static void msix(void **state)
{
	struct mock_pci *pci = mock_pci_add(0, 4, 0, 0x1234, 1);
	unsigned left = 1;
	struct irq_handler handler = { .handle = claim, .context = &left };
	uint32_t entry[4];

	(void)state;
	pci->config[4] = 7;
	mock_pci_bar(pci, 1, 4096, false, false);
	/* Table of 3 entries at offset 256 of BAR 1. */
	mock_pci_capability(pci, 0x11, "\2\0\1\1\0\0\1\10\0\0", 10);
	pci_scan();
	assert_int_equal(last->msix_vectors, 3);
	pci_msix_enable(last, true);
	assert_int_equal(pci->config[last->msix_capability + 3], 0x80);
	assert_int_equal(pci_msix_attach(last, 3, &handler), -ENODEV);
	assert_int_equal(pci_msix_attach(last, 2, &handler), 0);
	memcpy(entry, pci->bars[1].memory + 256 + 32, sizeof(entry));
	assert_int_equal(entry[3], 0);
	assert_true(host_irq_message((uint64_t)entry[1] << 32 | entry[0], entry[2]));
	pci_msix_detach(last, 2, &handler);
	memcpy(entry, pci->bars[1].memory + 256 + 32, sizeof(entry));
	assert_int_equal(entry[3], 1);
	pci_msix_enable(last, false);
	assert_int_equal(pci->config[last->msix_capability + 3], 0);
	host_irq_vectors = 0;
	assert_int_equal(pci_msix_attach(last, 0, &handler), -ENOSPC);
	host_irq_vectors = 192;
}

/* A table that does not fit its BAR is no table. */
static void msix_beyond_its_bar(void **state)
{
	struct mock_pci *pci = mock_pci_add(0, 4, 0, 0x1234, 1);
	struct irq_handler handler = { .handle = claim };

	(void)state;
	mock_pci_bar(pci, 1, 4096, false, false);
	mock_pci_capability(pci, 0x11, "\377\7\1\0\0\0\0\0\0\0", 10);
	pci_scan();
	assert_int_equal(last->msix_vectors, 2048);
	assert_int_equal(pci_msix_attach(last, 0, &handler), -ENODEV);
}

/* [PCI-18] */
static void lines(void **state)
{
	struct mock_pci *pci = mock_pci_add(0, 4, 0, 0x1234, 1);
	unsigned left = 1;
	struct irq_handler handler = { .handle = claim, .context = &left };

	(void)state;
	pci->config[5] = 4; /* disabled by someone */
	pci->config[0x3c] = 10;
	pci_scan();
	assert_int_equal(pci_intx_attach(last, &handler), -ENODEV); /* no pin */
	last->interrupt_pin = 1;
	assert_int_equal(pci_intx_attach(last, &handler), 0);
	assert_int_equal(pci->config[5] & 4, 0);
	assert_true(host_irq_line(10));
	pci_intx_detach(last, &handler);
	assert_int_equal(pci->config[5] & 4, 4);
}

static void a_failing_driver(void **state)
{
	(void)state;
	mock_pci_add(0, 4, 0, 0x1234, 1);
	probe_result = -EIO;
	pci_scan();
	assert_null(last->driver);
	assert_int_equal(count(), 1);
}

static void out_of_memory(void **state)
{
	(void)state;
	mock_pci_add(0, 4, 0, 0x1234, 1);
	mock_pci_add(0, 5, 0, 0x1234, 1);
	host_heap_budget = 1;
	pci_scan();
	host_heap_budget = -1;
	assert_int_equal(count(), 1);
}

#define pci_test(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		pci_test(an_empty_bus),
		pci_test(functions_and_bridges),
		pci_test(functions_need_the_flag),
		pci_test(bridges_in_circles),
		pci_test(bars),
		pci_test(unassigned_bars),
		pci_test(bars_in_ram),
		pci_test(capability_lists),
		pci_test(msix),
		pci_test(msix_beyond_its_bar),
		pci_test(lines),
		pci_test(a_failing_driver),
		pci_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
