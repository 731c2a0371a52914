/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources:
 *	tests/unit/mock/pci.c tests/unit/mock/virtio_pci.c tests/unit/host/cmdline.c
 *	tests/unit/mock/mock.c tests/unit/host/mmu.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	kernel/pci.c kernel/pci_config.c kernel/pci_bar.c kernel/pci_msix.c kernel/acpi.c
 *	kernel/aml.c kernel/aml_resources.c kernel/pci_hotplug.c kernel/pci_assign.c
 *	kernel/pci_windows.c kernel/pci_bridge.c
 *	virtio/transport/pci.c virtio/transport/pci_modern.c
 *	virtio/transport/pci_legacy.c virtio/transport/pci_interrupts.c
 *	virtio/transport/pci_window.c virtio/transport/pci_complete.c
 *	virtio/transport/transports.c virtio/virtio.c virtio/features.c virtio/config.c
 *	virtio/queues.c virtio/recovery.c virtio/ring/virtqueue.c kernel/format.c */

/* What of the PCI transport comes with drivers but the console's: registers that cannot be
 * mapped, shared memory, unplugging. */

#include <errno.h>
#include <sys/mman.h>
#include <arch/mmu.h>
#include <kernel/pci_hotplug.h>
#include "mock/three_queues.h"

static struct mock_pci *unassigned(unsigned vectors)
{
	struct mock_pci *pci = mock_pci_virtio(three_mock(vectors), 0, 3,
					       MOCK_PCI_MODERN);

	mock_pci_set32(pci, 0x20, 4); /* a 64-bit BAR 4 without address */
	mock_pci_set32(pci, 0x24, 0);
	return pci;
}

/* One buffer through each queue: each doorbell is one access of the window. */
static void exchange(struct mock_pci *pci)
{
	static char memory[64];
	struct virtio_piece piece = { (uintptr_t)memory, sizeof(memory) };

	for (unsigned i = 0; i < 3; i++) {
		uint64_t accesses = pci->window_accesses;

		assert_int_equal(virtqueue_add(queues[i], &piece, 0, 1, memory), 0);
		virtqueue_kick(queues[i]);
		assert_int_equal(pci->window_accesses, accesses + 1);
	}
	mock_run(pci->mock);
	assert_ptr_equal(virtqueue_get(queues[2], NULL), memory);
	assert_int_equal(callbacks[0], 1);
	assert_int_equal(callbacks[1], 1);
	mock_config_changed(pci->mock);
	assert_int_equal(config_calls, 1);
}

/* [PCI-20] [PCI-07]: the mock checks that each access lies in a BAR, is aligned and of the
 * length that the window says. */
static void through_the_window(void **state)
{
	(void)state;
	for (unsigned vectors = 0; vectors < 5; vectors += 4) {
		struct mock_pci *pci = unassigned(vectors);

		for (unsigned i = 0; i < 16; i++)
			pci->mock->config[i] = (uint8_t)(i + 1);
		pci->mock->config_writable[4] = true;
		pci_scan();
		assert_true(found && found->live);
		assert_string_equal(found->transport->name, "PCI window");
		assert_string_equal(found->interrupts, vectors ? "MSI-X ×3" : "INTx 11");
		assert_int_equal(virtio_config_read8(found, 1), 2);
		assert_true(virtio_config_read64(found, 8) == 0x100f0e0d0c0b0a09);
		virtio_config_write8(found, 4, 0x55);
		assert_int_equal(pci->mock->config[4], 0x55);
		assert_int_equal(virtio_config_read32(found, 0x10000), 0);
		exchange(pci);
		mock_pci_end();
	}
}

/* The structures lie behind I/O ports from `base` on. */
static struct mock_pci *behind_ports(uint32_t base)
{
	struct mock_pci *pci = mock_pci_virtio(three_mock(4), 0, 3, MOCK_PCI_MODERN);

	munmap(pci->bars[4].mapping, 2 * 16384);
	mock_pci_bar(pci, 4, 16384, true, false);
	mock_pci_set32(pci, 0x20, base | 1);
	mock_pci_set32(pci, 0x24, 0);
	return pci;
}

/* [PCI-20]: by the ports themselves; the window is for those without an address, or with one
 * that the CPU does not have. */
static void through_ports(void **state)
{
	struct mock_pci *pci = behind_ports(0xc000);

	(void)state;
	for (unsigned i = 0; i < 16; i++)
		pci->mock->config[i] = (uint8_t)(i + 1);
	pci->mock->config_writable[4] = true;
	pci_scan();
	assert_true(found && found->live);
	assert_string_equal(found->transport->name, "PCI window");
	assert_int_equal(virtio_config_read16(found, 2), 0x0403);
	virtio_config_write8(found, 4, 0x55);
	assert_int_equal(pci->mock->config[4], 0x55);
	traffic(pci->mock);
	assert_int_equal(pci->window_accesses, 0);
	mock_pci_end();
	for (uint32_t base = 0; base <= 0x10000; base += 0x10000) {
		mock_pci_reset();
		pci = behind_ports(base);
		pci_scan();
		assert_true(found && found->live);
		exchange(pci);
		mock_pci_end();
	}
	mock_pci_reset();
	pci = behind_ports(0xc000);
	pci->bars[4].bytes = 8192; /* the doorbells lie beyond its end */
	pci_scan();
	assert_null(found);
}

/* The offset in the function's configuration space of its capability of that type. */
static unsigned capability(const struct mock_pci *pci, uint8_t type)
{
	for (unsigned i = pci->config[0x34]; i; i = pci->config[i + 1])
		if (pci->config[i] == 9 && pci->config[i + 3] == type)
			return i;
	return 0;
}

/* §4.1.4.5.1: the ISR's offset is any, the doorbells' is even. */
static void odd_offsets(void **state)
{
	struct mock_pci *pci = unassigned(4);

	(void)state;
	pci->config[capability(pci, 3) + 8] |= 1;
	pci_scan();
	assert_true(found && found->live);
	mock_pci_end();
	pci = unassigned(4);
	pci->config[capability(pci, 2) + 8] |= 1;
	mock_pci_set32(pci, capability(pci, 2) + 12, 64);
	pci_scan();
	assert_false(found && found->live);
}

/* A device does not make us spend page tables on what it says is there: a structure that is
 * far too long is reached through the window, or not at all. */
static void long_structures(void **state)
{
	(void)state;
	for (unsigned window = 0; window < 2; window++) {
		struct mock_pci *pci = mock_pci_virtio(three_mock(4), 0, 3,
						       MOCK_PCI_MODERN);
		uint64_t before = host_mapped_bytes;

		munmap(pci->bars[4].mapping, 2 * 16384);
		mock_pci_bar(pci, 4, UINT64_C(1) << 30, false, true);
		for (uint8_t type = 1; type <= 4; type++)
			mock_pci_set32(pci, capability(pci, type) + 12, 1 << 29);
		if (!window)
			pci->config[pci->window + 3] = 77;
		pci_scan();
		assert_int_equal(found && found->live, window);
		assert_true(host_mapped_bytes - before < 1 << 20);
		mock_pci_end();
	}
}

static void without_a_window(void **state)
{
	struct mock_pci *pci = unassigned(4);

	(void)state;
	pci->config[pci->window + 3] = 77; /* it is something else */
	pci_scan();
	assert_null(found);
	mock_pci_end();
	pci = unassigned(4);
	pci->config[pci->window + 2] = 16; /* it is cut short */
	pci_scan();
	assert_null(found);
}

/* [PCI-04] [PCI-11]: doorbells that do not fit are no better through the window. */
static void bad_doorbells(void **state)
{
	static const uint32_t rows[][2] = {
		{ 1, 4096 }, { 3, 4096 }, { 4, 9 }, { 4, 1 }, { 4, 1 << 20 }
	};

	(void)state;
	for (unsigned i = 0; i < array_count(rows); i++) {
		mock_pci_next_notify(rows[i][0], rows[i][1]);
		unassigned(4);
		pci_scan();
		assert_false(found && found->live);
		mock_pci_end();
	}
	mock_pci_next_notify(4, 4096);
}

/* [PCI-21] */
static void shared_memory(void **state)
{
	struct mock *mock = three_mock(4);
	struct virtio_shared_memory region;
	struct mock_pci *pci;
	unsigned at;

	(void)state;
	mock->shared[1].bytes = 8192;
	pci = mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN);
	pci_scan();
	assert_true(found->transport->shared_memory(found, 1, &region));
	assert_int_equal(region.bytes, 8192);
	assert_true(region.phys == mock->shared[1].phys);
	assert_false(found->transport->shared_memory(found, 0, &region));
	at = capability(pci, 8);
	pci->config[at + 20] = 1; /* 4 GiB longer: does not fit */
	assert_false(found->transport->shared_memory(found, 1, &region));
	pci->config[at + 20] = 0;
	pci->config[at + 16] = pci->config[at + 17] = pci->config[at + 18] =
		pci->config[at + 19] = 0xff; /* an end beyond all */
	assert_false(found->transport->shared_memory(found, 1, &region));
}

/* [PCI-22]: a vendor's own capability, and one that is too short. */
static void other_capabilities(void **state)
{
	static const uint8_t own[] = { 8, 9, 0xf4, 0x1a, 1, 2 }, brief[] = { 4, 1 };
	struct mock_pci *pci = mock_pci_virtio(three_mock(4), 0, 3, MOCK_PCI_MODERN);

	(void)state;
	mock_pci_capability(pci, 9, own, sizeof(own));
	mock_pci_capability(pci, 9, brief, sizeof(brief));
	pci_scan();
	assert_true(found && found->live);
	traffic(pci->mock);
}

static void unplug(bool there)
{
	struct mock_pci *pci = mock_pci_virtio(three_mock(4), 0, 3, MOCK_PCI_MODERN);
	uint64_t accesses;

	pci_scan();
	assert_true(found && found->live);
	pci->gone = !there;
	assert_true(pci_slot_known(0, 3));
	pci_slot_unplugged(0, 3, there);
	assert_false(pci_slot_known(0, 3));
	assert_int_equal(pci->config[4] & 4, there ? 0 : 4); /* bus mastering */
	accesses = pci->mock->counts.register_reads + pci->mock->counts.register_writes;
	host_clock_advance(1);
	assert_int_equal(broken_calls, 1);
	assert_true(found->gone && found->broken);
	assert_int_equal(pci->mock->counts.register_reads +
				 pci->mock->counts.register_writes,
			 accesses);
	pci->mock->status = 0; /* its power is off */
}

/* [PCI-30]: in good order and by surprise; the registers are not touched any more. */
static void unplugged(void **state)
{
	(void)state;
	for (unsigned there = 0; there < 2; there++) {
		unplug(there);
		assert_int_equal(host_irq_attached(), 0);
		host_threads_run();
		assert_null(virtio_devices);
		host_clock_advance(2 * NS_PER_SEC);
		host_threads_run(); /* now it is freed: three_end() looks */
		mock_pci_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		transport_test(through_the_window), transport_test(without_a_window),
		transport_test(through_ports),	    transport_test(odd_offsets),
		transport_test(long_structures),    transport_test(bad_doorbells),
		transport_test(shared_memory),	    transport_test(other_capabilities),
		transport_test(unplugged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
