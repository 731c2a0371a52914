/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources:
 *	tests/unit/mock/mmio.c tests/unit/mock/mock.c tests/unit/host/cmdline.c
 *	tests/unit/mock/pci.c tests/unit/mock/virtio_pci.c
 *	tests/unit/host/mmu.c tests/unit/host/io.c tests/unit/host/irq.c
 *	tests/unit/host/cpu.c tests/unit/host/log.c tests/unit/host/heap.c
 *	tests/unit/host/page.c tests/unit/host/time.c tests/unit/host/thread.c
 *	tests/unit/host/panic.c kernel/acpi.c kernel/aml.c kernel/aml_resources.c
 *	kernel/pci.c kernel/pci_config.c kernel/pci_bar.c kernel/pci_msix.c
 *	virtio/transport/pci.c virtio/transport/pci_modern.c
 *	virtio/transport/pci_legacy.c virtio/transport/pci_interrupts.c
 *	virtio/transport/mmio.c virtio/transport/mmio_legacy.c
 *	virtio/transport/mmio_find.c virtio/transport/transports.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/virtqueue.c kernel/format.c */

/* The MMIO transport, register by register (requirements MMI). What each access must look
 * like, the mock checks: widths, directions, selections, what a ready queue keeps. */

#include <kernel/boot_info.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include "mock/mmio.h"
#include "mock/three_queues.h"

#define LINE 40

static struct mock_mmio *probe(struct mock *mock, uint32_t version)
{
	struct mock_mmio *mmio = mock_mmio_new(mock, version, LINE);

	virtio_mmio_probe(mmio->address, MOCK_MMIO_BYTES, LINE);
	return mmio;
}

static void exchange(struct mock_mmio *mmio)
{
	static char memory[64];
	struct virtio_piece piece = { (uintptr_t)memory, sizeof(memory) };

	for (unsigned i = 0; i < 3; i++) {
		uint64_t writes = mmio->writes, reads = mmio->reads;

		assert_int_equal(virtqueue_add(queues[i], &piece, 0, 1, memory), 0);
		virtqueue_kick(queues[i]);
		assert_int_equal(mmio->writes - writes, 1);
		assert_int_equal(mmio->reads - reads, 0);
	}
	mock_run(mmio->mock);
	assert_ptr_equal(virtqueue_get(queues[2], NULL), memory);
	assert_int_equal(callbacks[0], 1);
	assert_int_equal(callbacks[1], 1);
	assert_int_equal(mmio->mock->isr, 0);
	mock_config_changed(mmio->mock);
	assert_true(config_calls > 0);
	assert_int_equal(mmio->mock->isr, 0);
}

/* [MMI-02] [MMI-03] [MMI-04] [MMI-07] */
static void version_2(void **state)
{
	struct mock *mock = three_mock(0);
	struct mock_mmio *mmio;

	(void)state;
	for (unsigned i = 0; i < 16; i++)
		mock->config[i] = (uint8_t)(i + 1);
	mock->config_writable[4] = true;
	mmio = probe(mock, 2);
	assert_true(found && found->live);
	assert_string_equal(found->transport->name, "MMIO");
	assert_string_equal(found->interrupts, "line 40");
	assert_memory_equal(mock->status_trace, "\0\1\3\13\17", 5);
	assert_int_equal(virtio_config_read8(found, 1), 2);
	assert_int_equal(virtio_config_read16(found, 2), 0x0403);
	assert_true(virtio_config_read64(found, 8) == 0x100f0e0d0c0b0a09);
	virtio_config_write8(found, 4, 0x55);
	assert_int_equal(mock->config[4], 0x55);
	assert_int_equal(virtio_config_read32(found, 0xfe), 0); /* across the end */
	virtio_config_write32(found, UINT_MAX - 3, 1);
	exchange(mmio);
	assert_int_equal(mmio->shm_accesses, 0);
}

/* [MMI-10] */
static void version_1(void **state)
{
	struct mock *mock = three_mock(0);
	struct mock_mmio *mmio = probe(mock, 1);

	(void)state;
	assert_true(found && found->live);
	assert_string_equal(found->transport->name, "MMIO legacy");
	assert_memory_equal(mock->status_trace, "\0\1\3\7", 4);
	assert_false(mock_has(mock, VIRTIO_F_VERSION_1));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(mock->queues[i].used, mock->queues[i].desc + 4096);
	exchange(mmio);
}

/* [MMI-01] */
static void what_is_no_device(void **state)
{
	struct mock_mmio *mmio = probe(NULL, 2);
	unsigned before = host_log_counts[1];

	(void)state;
	assert_int_equal(mmio->reads, 3);
	assert_int_equal(mmio->writes, 0);
	assert_int_equal(host_log_counts[1], before); /* silently */
	mmio = probe(three_mock(0), 3);
	assert_int_equal(mmio->reads, 2);
	mmio = mock_mmio_new(three_mock(0), 2, LINE);
	mmio->magic = 0x74726977;
	virtio_mmio_probe(mmio->address, MOCK_MMIO_BYTES, LINE);
	assert_int_equal(mmio->reads, 1);
	virtio_mmio_probe(mmio->address + 2, MOCK_MMIO_BYTES, LINE);
	virtio_mmio_probe(mmio->address, 0xfc, LINE);
	virtio_mmio_probe(UINT64_MAX - 3, MOCK_MMIO_BYTES, LINE);
	assert_int_equal(mmio->reads, 1);
	assert_null(virtio_devices);
}

static void the_same_place_twice(void **state)
{
	struct mock_mmio *mmio = probe(three_mock(0), 2);

	(void)state;
	virtio_mmio_probe(mmio->address, MOCK_MMIO_BYTES, LINE);
	assert_non_null(virtio_devices);
	assert_null(virtio_devices->next);
}

/* A type nobody drives is listed, reset and left alone. */
static void unknown_types(void **state)
{
	struct mock_mmio *mmio = probe(mock_new(26), 2);

	(void)state;
	assert_string_equal(virtio_devices->name, "virtio-26");
	assert_int_equal(mmio->writes, 1);
	assert_int_equal(mmio->mock->status, 0);
}

/* [MMI-12]: with everything offered, nothing that MMIO has no register for is taken. */
static void all_features(void **state)
{
	struct mock *mock = three_mock(0);

	(void)state;
	mock->offered = (struct virtio_features){ { UINT64_MAX, UINT64_MAX } };
	virtio_features_clear(&mock->offered, VIRTIO_F_RING_PACKED);
	probe(mock, 2);
	assert_true(found->live);
	assert_true(mock_has(mock, VIRTIO_F_VERSION_1));
	assert_false(mock_has(mock, VIRTIO_F_ADMIN_VQ));
	assert_false(mock_has(mock, VIRTIO_F_NOTIF_CONFIG_DATA));
	assert_false(virtio_features_has(&found->offered, VIRTIO_F_ADMIN_VQ));
}

/* [MMI-06]: bits without meaning are neither served nor acknowledged; a line that shows only
 * those is somebody else's. */
static void undefined_interrupt_bits(void **state)
{
	struct mock_mmio *mmio = probe(three_mock(0), 2);

	(void)state;
	mmio->isr_extra = 0xfc;
	exchange(mmio);
	mmio->acks = 0;
	assert_false(host_irq_line(LINE));
	assert_int_equal(mmio->acks, 0);
}

/* The line is up already: the bit is all there is of this interrupt. */
static void use_one(struct mock_mmio *mmio)
{
	struct mock_chain chain;

	mmio->before_ack = NULL;
	assert_true(mock_pop(mmio->mock, 0, &chain));
	mock_push(mmio->mock, 0, &chain, 0);
	mmio->mock->isr |= 3;
}

/* [MMI-06]: a buffer used just before the acknowledgement has no interrupt of its own. */
static void a_buffer_used_at_the_acknowledgement(void **state)
{
	static char memory[64];
	struct virtio_piece piece = { (uintptr_t)memory, sizeof(memory) };
	struct mock_mmio *mmio = probe(three_mock(0), 2);

	(void)state;
	assert_int_equal(virtqueue_add(queues[0], &piece, 0, 1, memory), 0);
	virtqueue_kick(queues[0]);
	mmio->before_ack = use_one;
	mock_config_changed(mmio->mock);
	assert_int_equal(callbacks[0], 1);
}

/* [MMI-04] [MMI-05]: a queue in use, one that does not get ready, one that shrinks. */
static void queues_that_refuse(void **state)
{
	struct mock_mmio *mmio = mock_mmio_new(three_mock(0), 2, LINE);

	(void)state;
	mmio->never_ready = true;
	virtio_mmio_probe(mmio->address, MOCK_MMIO_BYTES, LINE);
	assert_true(found->broken && !found->live);
	mock_mmio_end();
	mmio = probe(three_mock(0), 2);
	assert_int_equal(found->transport->queue_enable(found, queues[0]), -EBUSY);
	assert_int_equal(found->transport->queue_size(found, 9), 0);
}

/* [MMI-08] [MMI-05] */
static void queue_reset(void **state)
{
	static const unsigned reads[] = { 0, 5, UINT_MAX };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct mock *mock = three_mock(0);
		struct mock_mmio *mmio;
		const struct virtio_transport *transport;

		mock_offer(mock, VIRTIO_F_RING_RESET);
		mock->queue_reset_reads = reads[i];
		mmio = probe(mock, 2);
		virtio_features_set(&mock->accepted, VIRTIO_F_RING_RESET);
		mmio->stays_ready = i == 1;
		transport = found->transport;
		host_clock_step_ns = 1000000;
		assert_int_equal(transport->queue_reset(found, queues[1]),
				 reads[i] == UINT_MAX ? -ETIMEDOUT : 0);
		host_clock_step_ns = 0;
		assert_int_equal(mmio->ready[1], 0);
		mock_mmio_end();
	}
}

/* [MMI-09] */
static void shared_memory(void **state)
{
	struct mock *mock = three_mock(0);
	struct virtio_shared_memory region;

	(void)state;
	mock->shared[1] = (struct virtio_shared_memory){ 0x1234500000, 0x500000000 };
	mock->shared[2] = (struct virtio_shared_memory){ UINT64_MAX - 4095, 8192 };
	probe(mock, 2);
	assert_true(found->transport->shared_memory(found, 1, &region));
	assert_true(region.phys == 0x1234500000 && region.bytes == 0x500000000);
	assert_false(found->transport->shared_memory(found, 0, &region));
	assert_false(found->transport->shared_memory(found, 2, &region)); /* wraps */
	assert_false(found->transport->shared_memory(found, 200, &region));
	boot_info.range_count = 1; /* its last page is RAM of ours */
	boot_info.ranges[0] = (struct boot_range){ 0x1734500000 - 1, 4096 };
	assert_false(found->transport->shared_memory(found, 1, &region));
	boot_info.range_count = 0;
}

static void an_endless_reset(void **state)
{
	struct mock *mock = three_mock(0);

	(void)state;
	host_clock_step_ns = 1000000;
	mock->reset_reads = UINT_MAX;
	probe(mock, 2);
	host_clock_step_ns = 0;
	assert_null(found);
	assert_true(virtio_devices->broken);
}

static void without_a_line(void **state)
{
	struct mock_mmio *mmio = mock_mmio_new(three_mock(0), 2, 1000);

	(void)state;
	virtio_mmio_probe(mmio->address, MOCK_MMIO_BYTES, 1000);
	assert_true(found->broken && !found->live);
}

/* [MMI-11]: what the command line names; what is no such text is reported. */
static void by_the_command_line(void **state)
{
	static const char *const bad[] = { "",
					   "512",
					   "512@",
					   "512@0x",
					   "@1:2",
					   "512@0x1000",
					   "1@2:3:x",
					   "1@2:3:4:",
					   "512@4096:1x",
					   "99999999999999999999@1:2" };
	struct mock_mmio *first = mock_mmio_new(three_mock(0), 2, LINE);
	struct mock_mmio *second = mock_mmio_new(three_mock(0), 1, LINE + 1);
	char texts[2][64];
	unsigned before;

	(void)state;
	snprintf(texts[0], 64, "512@0x%llx:%u", (unsigned long long)first->address, LINE);
	snprintf(texts[1], 64, "1K@%llu:41:7", (unsigned long long)second->address);
	for (unsigned i = 0; i < 2; i++) {
		host_cmdline[i][0] = "virtio_mmio.device";
		host_cmdline[i][1] = texts[i];
	}
	virtio_mmio_scan();
	assert_string_equal(virtio_devices->name, "three0");
	assert_string_equal(virtio_devices->next->name, "three1");
	assert_string_equal(virtio_devices->next->interrupts, "line 41");
	host_cmdline[1][0] = NULL;
	for (unsigned i = 0; i < array_count(bad); i++) {
		before = host_log_counts[1];
		host_cmdline[0][1] = bad[i];
		virtio_mmio_scan();
		assert_int_equal(host_log_counts[1], before + 1);
	}
	host_cmdline[0][0] = NULL;
}

static int begin(void **state)
{
	(void)state;
	mock_mmio_reset();
	return 0;
}

static int end(void **state)
{
	(void)state;
	mock_mmio_end();
	return host_heap_live || host_page_live || host_irq_attached();
}

#define mmio_test(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		mmio_test(version_2),
		mmio_test(version_1),
		mmio_test(what_is_no_device),
		mmio_test(the_same_place_twice),
		mmio_test(unknown_types),
		mmio_test(all_features),
		mmio_test(undefined_interrupt_bits),
		mmio_test(a_buffer_used_at_the_acknowledgement),
		mmio_test(queues_that_refuse),
		mmio_test(queue_reset),
		mmio_test(shared_memory),
		mmio_test(an_endless_reset),
		mmio_test(without_a_line),
		mmio_test(by_the_command_line),
	};

	(void)traffic;
	(void)three_begin;
	(void)three_end;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
