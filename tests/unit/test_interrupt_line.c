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
 *	virtio/transport/transports.c virtio/transport/pci_queue_reset.c
 *	virtio/storm.c virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/split.c virtio/ring/virtqueue.c kernel/format.c */

/* One line for all there is to tell (VIRTIO 1.3 §4.1.5.4): what one read of the ISR says
 * may be a used buffer, a change of the configuration, both, or neither. */

#include "mock/three_queues.h"

static struct mock *mock;
static struct mock_pci *pci;
static char memory[64];

static void start(void)
{
	mock = three_mock(0); /* no vectors */
	pci = mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN);
	pci_scan();
	assert_non_null(found);
	assert_true(found->live);
}

static void use_one(unsigned queue)
{
	struct virtio_piece piece = { (uintptr_t)memory, sizeof(memory) };
	struct mock_chain chain;

	assert_int_equal(virtqueue_add(queues[queue], &piece, 0, 1, memory), 0);
	virtqueue_kick(queues[queue]);
	assert_true(mock_pop(mock, queue, &chain));
	mock_push(mock, queue, &chain, 1);
}

/* [CFG-08] [PCI-18] */
static void both_in_one_read(void **state)
{
	uint64_t reads;

	(void)state;
	start();
	use_one(0);
	use_one(1);
	mock->generation++;
	mock->isr = 3;
	reads = pci->isr_reads;
	assert_true(host_irq_line(pci->config[0x3c]));
	assert_int_equal(callbacks[0], 1);
	assert_int_equal(callbacks[1], 1);
	assert_int_equal(config_calls, 1);
	assert_int_equal(pci->isr_reads - reads, 2); /* that one, and one that reads 0 */
}

/* [CFG-08] The configuration alone is no reason to look into the rings. */
static void one_without_the_other(void **state)
{
	(void)state;
	start();
	mock->isr = 2;
	assert_true(host_irq_line(pci->config[0x3c]));
	assert_int_equal(config_calls, 1);
	assert_int_equal(callbacks[0] + callbacks[1], 0);
	use_one(1);
	mock->isr = 1;
	assert_true(host_irq_line(pci->config[0x3c]));
	assert_int_equal(config_calls, 1);
	assert_int_equal(callbacks[1], 1);
}

/* [PCI-18] Somebody else's interrupt on a shared line; [VQ-14] one with nothing used. */
static void neither(void **state)
{
	(void)state;
	start();
	assert_false(host_irq_line(pci->config[0x3c]));
	mock->isr = 1;
	assert_true(host_irq_line(pci->config[0x3c]));
	assert_int_equal(callbacks[0] + callbacks[1] + config_calls, 0);
	assert_int_equal(found->counters.spurious_interrupts, 1);
	/* Bits that mean nothing are nobody's: such a line is masked some time. */
	mock->isr = 0x80;
	assert_false(host_irq_line(pci->config[0x3c]));
}

/* Requirements §14.5: interrupts without end and for nothing break the device; those that are
 * in vain because somebody polled do not. */
static void a_storm(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < 30000; i++) {
		if (i % 5000 == 0) {
			use_one(2); /* the polled queue */
			assert_non_null(virtqueue_get(queues[2], NULL));
		}
		virtio_interrupt_queues(found);
	}
	assert_false(found->broken);
	for (unsigned i = 0; i < 30000 && !found->broken; i++) {
		virtio_interrupt_queues(found);
		host_clock_advance(NS_PER_MS); /* slow enough */
	}
	assert_false(found->broken);
	for (unsigned i = 0; i < 30000 && !found->broken; i++)
		virtio_interrupt_queues(found);
	assert_true(found->broken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		transport_test(a_storm),
		transport_test(both_in_one_read),
		transport_test(one_without_the_other),
		transport_test(neither),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
