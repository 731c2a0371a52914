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
 *	virtio/transport/transports.c virtio/transport/pci_one_vector.c virtio/transport/pci_queue_reset.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/split.c virtio/ring/virtqueue.c kernel/format.c */

/* The modern PCI transport, register by register (requirements PCI). */

#include <errno.h>
#include <limits.h>
#include "mock/three_queues.h"

/* [PCI-01] [PCI-02] [PCI-10] [PCI-03] [PCI-04] [PCI-07] [PCI-08] [PCI-09] [PCI-16] [PCI-17]: the
 * mock's list begins with what must be skipped, and it aborts on a wrong write. */
static void a_vector_for_each(void **state)
{
	struct mock *mock = three_mock(4);
	struct mock_pci *pci = mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN);

	(void)state;
	pci_scan();
	assert_true(found && found->live);
	assert_string_equal(found->where, "pci 0:03.0");
	assert_string_equal(found->interrupts, "MSI-X ×3");
	assert_memory_equal(mock->status_trace, "\0\1\3\13\17", 5);
	assert_int_equal(pci->config_vector, 0);
	assert_int_equal(mock->queues[0].vector, 1);
	assert_int_equal(mock->queues[1].vector, 2);
	assert_int_equal(mock->queues[2].vector, 0xffff);
	assert_int_equal(pci->config[4] & 6, 6); /* memory, bus master */
	traffic(mock);
	assert_int_equal(pci->isr_reads, 0);
}

/* [NEG-11] [NEG-03] */
static void all_features_in_four_words(void **state)
{
	struct mock *mock = three_mock(4);

	(void)state;
	mock->offered = (struct virtio_features){ { UINT64_MAX, UINT64_MAX } };
	mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN);
	pci_scan();
	assert_true(found->live);
	assert_true(found->offered.words[0] == UINT64_MAX);
	assert_true(found->offered.words[1] == UINT64_MAX);
	assert_true(mock_has(mock, 3) && !mock_has(mock, 2) && !mock_has(mock, 65));
	assert_int_equal(mock->counts.features_reads, 4);
	traffic(mock);
}

/* [PCI-14] [PCI-15] [PCI-17]: few vectors are shared, none means the line. */
static void few_vectors(void **state)
{
	static const char *const expected[] = { "INTx 11", "MSI-X ×1", "MSI-X ×2",
						"MSI-X ×3" };

	(void)state;
	for (unsigned vectors = 0; vectors < 4; vectors++) {
		struct mock *mock = three_mock(vectors);
		struct mock_pci *pci = mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN);

		pci_scan();
		assert_string_equal(found->interrupts, expected[vectors]);
		traffic(mock);
		assert_int_equal(pci->isr_reads > 0, vectors < 1);
		mock_pci_end();
	}
}

/* [PCI-14] [PCI-29] */
static void refused_vectors(void **state)
{
	static const char *const expected[] = { "INTx 11", "MSI-X ×1", "MSI-X ×2",
						"MSI-X ×3" };

	(void)state;
	for (unsigned granted = 0; granted < 4; granted++) {
		struct mock *mock = three_mock(8);
		struct mock_pci *pci = mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN);

		pci->vectors_granted = granted;
		pci_scan();
		assert_string_equal(found->interrupts, expected[granted]);
		traffic(mock);
		mock_pci_end();
		assert_int_equal(host_irq_attached(), 0);
	}
}

/* [PCI-15] */
static void the_cpu_is_out_of_vectors(void **state)
{
	struct mock *mock = three_mock(8);

	(void)state;
	host_irq_vectors = 2;
	mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN);
	pci_scan();
	assert_string_equal(found->interrupts, "MSI-X ×2");
	traffic(mock);
	mock_pci_end();
	host_irq_vectors = 1;
	mock = three_mock(8);
	mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN);
	pci_scan();
	assert_string_equal(found->interrupts, "MSI-X ×1");
	traffic(mock);
	mock_pci_end();
	host_irq_vectors = 0;
	mock = three_mock(8);
	mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN);
	pci_scan();
	assert_string_equal(found->interrupts, "INTx 11");
	traffic(mock);
}

/* [PCI-19] [PCI-18]: two devices on one line, each asked for its ISR. */
static void a_shared_line(void **state)
{
	struct mock *first = three_mock(0);
	struct mock_pci *pci = mock_pci_virtio(first, 0, 3, MOCK_PCI_MODERN);
	struct mock *second;

	(void)state;
	second = three_mock(0);
	mock_pci_virtio(second, 0, 4, MOCK_PCI_MODERN);
	pci_scan(); /* queues[] are the second one's now */
	traffic(second);
	assert_true(pci->isr_reads > 0);
	assert_string_equal(found->name, "three1");
}

/* [PCI-11] [PCI-12] [PCI-13]: doorbells may be apart, or one for all. */
static void doorbells(void **state)
{
	static const struct {
		uint32_t multiplier, bytes;
		bool good;
	} rows[] = {
		{ 0, 2, true },
		{ 2, 6, true },
		{ 4, 10, true },
		{ 4, 9, false },
		{ 4, 1, false },
		{ 1, 4096, false },
		{ 3, 4096, false },
		{ 6, 4096, false },
		{ 1024, 4096, true },
		{ 2048, 4096, false },
		{ 0x80000000, 4096, false },
	};

	(void)state;
	for (unsigned i = 0; i < array_count(rows); i++) {
		struct mock *mock = three_mock(4);
		struct mock_pci *pci;

		mock_pci_next_notify(rows[i].multiplier, rows[i].bytes);
		pci = mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN);
		pci_scan();
		assert_int_equal(found && found->live, rows[i].good);
		if (rows[i].good)
			traffic(mock);
		else
			assert_int_equal(pci->doorbells, 0);
		mock_pci_end();
	}
	mock_pci_next_notify(4, 4096);
}

/* [PCI-05] [PCI-06]: structures that do not fit are not used. */
static void bad_capabilities(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed < 400; seed++) {
		struct mock *mock = three_mock(4);
		struct mock_pci *pci = mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN);
		uint32_t random = seed * 2654435761u;

		mock->lenient = true;
		/* Some byte of the capabilities is anything. */
		pci->config[0x40 + random % 160] = (uint8_t)(random >> 16);
		pci_scan();
		assert_true(!found || found->live || found->broken);
		mock_pci_end();
	}
}

/* [PCI-05] */
static void a_looping_capability_list(void **state)
{
	struct mock *mock = three_mock(4);
	struct mock_pci *pci = mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN);

	(void)state;
	pci->config[pci->last_capability + 1] = pci->config[0x34];
	pci_scan();
	assert_true(found->live);
	traffic(mock);
}

/* [PCI-28] */
static void neither_modern_nor_legacy(void **state)
{
	struct mock *mock = three_mock(4);
	struct mock_pci *pci = mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN);

	(void)state;
	pci->config[6] = 0; /* no capabilities */
	pci_scan();
	assert_null(found);
	assert_null(virtio_devices);
	assert_int_equal(pci->config[4] & 4, 0); /* and no bus mastering */
}

/* [PCI-27]: a transitional device is driven the modern way. */
static void transitional_is_modern(void **state)
{
	struct mock *mock = three_mock(4);

	(void)state;
	mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN | MOCK_PCI_LEGACY);
	pci_scan();
	assert_string_equal(found->transport->name, "PCI");
	assert_true(mock_has(mock, VIRTIO_F_VERSION_1));
	traffic(mock);
}

/* A type nobody drives is listed and cut off from memory. */
static void unknown_types(void **state)
{
	struct mock *mock = mock_new(26);
	struct mock_pci *pci = mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN);

	(void)state;
	pci->config[4] = 7;
	pci_scan();
	assert_non_null(virtio_devices);
	assert_string_equal(virtio_devices->name, "virtio-26");
	assert_int_equal(pci->config[4], 3);
	assert_int_equal(mock->counts.register_reads + mock->counts.register_writes, 0);
}

static void an_endless_reset(void **state)
{
	struct mock *mock = three_mock(4);
	struct mock_pci *pci = mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN);

	(void)state;
	host_clock_step_ns = 1000000;
	mock->reset_reads = UINT_MAX;
	pci_scan();
	host_clock_step_ns = 0;
	assert_null(found);
	assert_true(virtio_devices->broken);
	assert_int_equal(pci->config[4] & 4, 0); /* it cannot write our memory */
}

/* [PCI-30]: it vanishes while it is live. */
static void surprise_removal(void **state)
{
	struct mock *mock = three_mock(0);
	struct mock_pci *pci = mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN);

	(void)state;
	pci_scan();
	pci->gone = true;
	assert_false(host_irq_line(11)); /* all ones: not ours */
	virtio_interrupt_config(found);
	host_clock_advance(1);
	assert_int_equal(broken_calls, 1);
	assert_true(found->broken);
}

/* [CFG-05]; a field beyond the end is no error [CFG-04]. */
static void configuration_widths(void **state)
{
	struct mock *mock = three_mock(4);

	(void)state;
	mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN);
	for (unsigned i = 0; i < 16; i++)
		mock->config[i] = (uint8_t)(i + 1);
	mock->config_writable[4] = true;
	pci_scan();
	assert_int_equal(virtio_config_read8(found, 1), 2);
	assert_int_equal(virtio_config_read16(found, 2), 0x0403);
	assert_int_equal(virtio_config_read32(found, 4), 0x08070605);
	assert_true(virtio_config_read64(found, 8) == 0x100f0e0d0c0b0a09);
	virtio_config_write8(found, 4, 0x55);
	assert_int_equal(mock->config[4], 0x55);
	assert_int_equal(virtio_config_read32(found, 0x10000), 0); /* beyond the end */
	virtio_config_write32(found, 0xfffffffc, 1);
}

static void before_it_is_live_interrupts_do_nothing(void **state)
{
	struct mock *mock = three_mock(0);

	(void)state;
	mock->no_features_ok = true;
	mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN);
	pci_scan();
	assert_null(found);
	assert_false(host_irq_line(11));
}

/* [VQ-26] Queue by queue, with its vector again; [VQ-27] or, when that does not end, the
 * device. */
static void reset_of_one_queue(void **state)
{
	struct mock *mock = three_mock(4);

	(void)state;
	mock_offer(mock, VIRTIO_F_RING_RESET);
	mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN);
	pci_scan();
	assert_true(mock_has(mock, VIRTIO_F_RING_RESET));
	virtio_queue_break(queues[1], "a test");
	host_clock_advance(1);
	assert_int_equal(queue_restored_calls, 1);
	assert_int_equal(mock->queues[1].vector, 2);
	assert_false(found->broken);
	traffic(mock);
	mock->queue_reset_reads = UINT_MAX;
	host_clock_step_ns = NS_PER_MS;
	virtio_queue_break(queues[1], "a test");
	host_clock_advance(1);
	host_clock_step_ns = 0;
	assert_true(found->broken);
	host_clock_advance(1);
	assert_int_equal(broken_calls, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		transport_test(a_vector_for_each),
		transport_test(all_features_in_four_words),
		transport_test(few_vectors),
		transport_test(refused_vectors),
		transport_test(the_cpu_is_out_of_vectors),
		transport_test(a_shared_line),
		transport_test(doorbells),
		transport_test(bad_capabilities),
		transport_test(a_looping_capability_list),
		transport_test(neither_modern_nor_legacy),
		transport_test(transitional_is_modern),
		transport_test(unknown_types),
		transport_test(an_endless_reset),
		transport_test(surprise_removal),
		transport_test(configuration_widths),
		transport_test(before_it_is_live_interrupts_do_nothing),
		transport_test(reset_of_one_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
