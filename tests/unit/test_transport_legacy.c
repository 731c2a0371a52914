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

/* The legacy PCI transport: the paper's register block (requirements PCI-25, PCI-26,
 * VQ-28). */

#include <errno.h>
#include "mock/three_queues.h"

/* [PCI-25] */
static void with_vectors(void **state)
{
	struct mock *mock = three_mock(4);
	struct mock_pci *pci = mock_pci_virtio(mock, 0, 3, MOCK_PCI_LEGACY);

	(void)state;
	for (unsigned i = 0; i < 16; i++)
		mock->config[i] = (uint8_t)(i + 1);
	pci_scan();
	assert_true(found && found->live);
	assert_string_equal(found->transport->name, "PCI legacy");
	assert_string_equal(found->interrupts, "MSI-X ×3");
	assert_memory_equal(mock->status_trace, "\0\1\3\7", 4);
	assert_false(mock_has(mock, VIRTIO_F_VERSION_1));
	assert_true(mock_has(mock, VIRTIO_F_EVENT_IDX));
	/* The configuration moved by four bytes when MSI-X went on. */
	assert_int_equal(virtio_config_read32(found, 4), 0x08070605);
	traffic(mock);
	assert_int_equal(pci->isr_reads, 0);
}

/* [PCI-25] [PCI-18] */
static void with_the_line(void **state)
{
	struct mock *mock = three_mock(0);
	struct mock_pci *pci = mock_pci_virtio(mock, 0, 3, MOCK_PCI_LEGACY);

	(void)state;
	for (unsigned i = 0; i < 16; i++)
		mock->config[i] = (uint8_t)(i + 1);
	pci_scan();
	assert_string_equal(found->interrupts, "INTx 11");
	assert_int_equal(virtio_config_read32(found, 4), 0x08070605);
	assert_int_equal(virtio_config_read32(found, 120), 0); /* beyond the ports */
	traffic(mock);
	assert_true(pci->isr_reads > 0);
}

/* [PCI-26] */
static void rings_have_the_old_layout(void **state)
{
	struct mock *mock = three_mock(4);

	(void)state;
	mock_pci_virtio(mock, 0, 3, MOCK_PCI_LEGACY);
	pci_scan();
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(mock->queues[i].desc % 4096, 0);
		assert_int_equal(mock->queues[i].used, mock->queues[i].desc + 4096);
		assert_true(mock->queues[i].desc < UINT64_C(1) << 44);
	}
}

static void refused_vectors(void **state)
{
	(void)state;
	for (unsigned granted = 0; granted < 3; granted++) {
		struct mock *mock = three_mock(8);
		struct mock_pci *pci = mock_pci_virtio(mock, 0, 3, MOCK_PCI_LEGACY);

		pci->vectors_granted = granted;
		pci_scan();
		assert_string_equal(found->interrupts,
				    granted < 2 ? "INTx 11" : "MSI-X ×2");
		mock->config[0] = 9;
		assert_int_equal(virtio_config_read8(found, 0), 9);
		traffic(mock);
		mock_pci_end();
	}
}

/* [PCI-28] [PCI-01] */
static void a_modern_id_has_no_legacy(void **state)
{
	struct mock *mock = three_mock(0);
	struct mock_pci *pci = mock_pci_virtio(mock, 0, 3, MOCK_PCI_LEGACY);

	(void)state;
	pci->config[2] = 0x40 + THREE_QUEUES_ID;
	pci_scan();
	assert_null(found);
}

/* BAR 0 must be ports, assigned, and enough of them. */
static void bad_register_blocks(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct mock *mock = three_mock(0);
		struct mock_pci *pci = mock_pci_virtio(mock, 0, 3, MOCK_PCI_LEGACY);

		if (i == 0)
			mock_pci_bar(pci, 0, 4096, false, false);
		else if (i == 1)
			mock_pci_bar(pci, 0, 16, true, false);
		else
			mock_pci_set32(pci, 0x10, 1);
		pci_scan();
		assert_null(found);
		mock_pci_end();
	}
}

static void memory_below_the_limit_runs_out(void **state)
{
	struct mock *mock = three_mock(0);

	(void)state;
	host_page_budget = 3;
	mock_pci_virtio(mock, 0, 3, MOCK_PCI_LEGACY);
	pci_scan();
	host_page_budget = -1;
	assert_true(found && !found->live && found->broken);
	assert_true(mock->status & VIRTIO_STATUS_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		transport_test(with_vectors),
		transport_test(with_the_line),
		transport_test(rings_have_the_old_layout),
		transport_test(refused_vectors),
		transport_test(a_modern_id_has_no_legacy),
		transport_test(bad_register_blocks),
		transport_test(memory_below_the_limit_runs_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
