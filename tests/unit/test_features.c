/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/ring.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/split.c virtio/ring/virtqueue.c kernel/format.c */

/* rings: own
 *
 * Feature negotiation (requirements NEG): only known bits, only with what they need. */

#include <errno.h>
#include <stdlib.h>
#include <virtio/core.h>
#include "host/host.h"
#include "mock/mock.h"
#include <unit.h>

#define ID 97

static const struct virtio_dependency dependencies[] = {
	{ 3, VIRTIO_FEATURES(VIRTIO_BIT(2)) },
	{ 2, VIRTIO_FEATURES(VIRTIO_BIT(0) | VIRTIO_BIT(1)) },
	{ 65, { { 0, VIRTIO_BIT(0) } } }, /* needs 64 */
};

static bool veto;

static void validate(struct virtio_device *device, struct virtio_features *wanted)
{
	if (veto && virtio_config_read8(device, 0) == 7)
		virtio_features_clear(wanted, 5);
}

static int probe(struct virtio_device *device)
{
	(void)device;
	return 0;
}

static struct virtio_driver driver = {
	.name = "features",
	.device_id = ID,
	.required = VIRTIO_FEATURES(VIRTIO_BIT(4)),
	.wanted = { { 0x2f, 3 } }, /* 0 to 3, 5, 64, 65 */
	.dependencies = dependencies,
	.dependency_count = array_count(dependencies),
	.validate = validate,
	.probe = probe,
};
VIRTIO_DRIVER(driver);

static struct mock *offering(uint64_t low, uint64_t high)
{
	struct mock *mock = mock_new(ID);

	mock->offered = (struct virtio_features){ { low | VIRTIO_BIT(32), high } };
	mock->config_bytes = 1;
	veto = false;
	return mock;
}

static void expect(uint64_t low, uint64_t high, uint64_t accepted_low,
		   uint64_t accepted_high)
{
	struct mock *mock = offering(low, high);

	assert_int_equal(mock_add(mock), 0);
	assert_true(mock->accepted.words[0] == (accepted_low | VIRTIO_BIT(32)));
	assert_true(mock->accepted.words[1] == accepted_high);
	assert_memory_equal(&mock->accepted, &mock->device.negotiated,
			    sizeof(mock->accepted));
	mock_remove(mock);
}

/* All that is offered and known, and nothing else [NEG-01] [NEG-03]; of SR_IOV nothing is
 * known [NEG-09]; the platform's bits are taken [NEG-05] [NEG-07]; the ring's bits too, as all
 * layouts are linked in [NEG-06], [NEG-08]; bits above 63 are there [NEG-11]. */
static void only_known_bits(void **state)
{
	uint64_t core = VIRTIO_BIT(28) | VIRTIO_BIT(29) | VIRTIO_BIT(33) |
			VIRTIO_BIT(34) | VIRTIO_BIT(35) | VIRTIO_BIT(36) |
			VIRTIO_BIT(38) | VIRTIO_BIT(39);

	(void)state;
	expect(0x10, 0, 0x10, 0);
	expect(UINT64_MAX, UINT64_MAX, 0x3f | core, 3);
	expect(0x3f, 3, 0x3f, 3);
}

/* [NEG-02] */
static void prerequisites(void **state)
{
	(void)state;
	expect(0x10 | 8, 0, 0x10, 0);	      /* 3 without 2 */
	expect(0x10 | 4 | 8, 0, 0x10, 0);     /* 2 without 0 or 1, so 3 goes too */
	expect(0x10 | 4 | 8 | 1, 0, 0x1d, 0); /* 0 is enough */
	expect(0x10 | 4 | 8 | 2, 0, 0x1e, 0); /* so is 1 */
	expect(0x10, 2, 0x10, 0);	      /* 65 without 64 */
	expect(0x10, 3, 0x10, 3);
}

/* [NEG-13] [INI-06] */
static void required_bits(void **state)
{
	struct mock *mock = offering(0x2f, 0);

	(void)state;
	assert_int_equal(mock_add(mock), -ENOTSUP);
	assert_true(mock->status & VIRTIO_STATUS_FAILED);
	assert_false(mock->accepted_written);
	mock_remove(mock);
}

/* [NEG-04] */
static void modern_without_version_1(void **state)
{
	struct mock *mock = offering(0x10, 0);

	(void)state;
	mock_withhold(mock, VIRTIO_F_VERSION_1);
	assert_int_equal(mock_add(mock), -ENOTSUP);
	assert_true(mock->status & VIRTIO_STATUS_FAILED);
	mock_remove(mock);
}

/* [NEG-12] */
static void legacy_has_32_bits(void **state)
{
	struct mock *mock = offering(UINT64_MAX, UINT64_MAX);

	(void)state;
	mock->legacy = true;
	assert_int_equal(mock_add(mock), 0);
	assert_true(mock->accepted.words[0] ==
		    (0x3f | VIRTIO_BIT(27) | VIRTIO_BIT(28) | VIRTIO_BIT(29)));
	assert_true(mock->accepted.words[1] == 0);
	mock_remove(mock);
}

/* Every wanted bit can be missing, every combination works [NEG-13]. */
static void every_subset(void **state)
{
	(void)state;
	for (uint64_t low = 0; low < 64; low++) {
		for (uint64_t high = 0; high < 4; high++) {
			struct mock *mock = offering(low, high);

			assert_int_equal(mock_add(mock), low & 0x10 ? 0 : -ENOTSUP);
			mock_remove(mock);
		}
	}
}

/* [CFG-03] The configuration of what is offered may be looked at. */
static void validate_may_say_no(void **state)
{
	struct mock *mock = offering(0x30, 0);

	(void)state;
	mock->config[0] = 7;
	veto = true;
	assert_int_equal(mock_add(mock), 0);
	assert_true(mock->accepted.words[0] == (0x10 | VIRTIO_BIT(32)));
	mock_remove(mock);
}

/* [NEG-14] [NEG-10]: what was agreed stays, whatever the device offers later. */
static void the_offer_changes_later(void **state)
{
	struct mock *mock = offering(0x3f, 0);
	struct virtio_features before;

	(void)state;
	assert_int_equal(mock_add(mock), 0);
	before = mock->device.negotiated;
	mock->offered = (struct virtio_features){ 0 };
	assert_true(virtio_has(&mock->device, 5));
	assert_memory_equal(&before, &mock->device.negotiated, sizeof(before));
	mock_remove(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_known_bits),
		cmocka_unit_test(prerequisites),
		cmocka_unit_test(required_bits),
		cmocka_unit_test(modern_without_version_1),
		cmocka_unit_test(legacy_has_32_bits),
		cmocka_unit_test(every_subset),
		cmocka_unit_test(validate_may_say_no),
		cmocka_unit_test(the_offer_changes_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
