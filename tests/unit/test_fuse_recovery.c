/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	tests/unit/host/files.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/virtqueue.c kernel/format.c
 *	virtio/device/exchange.c virtio/device/exchange_setup.c virtio/device/watchdog.c virtio/device/fs.c virtio/device/pieces.c
 *	fs/fuse.c fs/fuse_inode.c fs/fuse_data.c fs/fuse_names.c fs/fuse_list.c
 *	fs/fuse_dax.c tests/unit/host/mmu.c fs/share.c fs/names.c fs/tree.c fs/change.c */

/* Files by FUSE over virtio-fs: servers that fall silent or go, queues that break. */

#include "fuse_mounted.h"

static bool count_entry(void *context, const char *name, size_t length, uint64_t inode,
			unsigned type, uint64_t next_offset)
{
	(void)name;
	(void)length;
	(void)inode;
	(void)type;
	(void)next_offset;
	++*(unsigned *)context;
	return true;
}

/* All waits end: those of a server that is silent with the device's reset. */
static void silence(void **state)
{
	struct mock *mock = mounted();
	struct inode *file = a_file(mock), *root = fs_root();
	unsigned count = 0;
	struct stat stat;
	uint64_t begun = host_clock_ns;

	(void)state;
	assert_int_equal(fuse_type.entries(root, 0, count_entry, &count), 0);
	host.silent = true;
	assert_int_equal(file->fs->operations->stat(file, &stat), -EIO);
	assert_in_range(host_clock_ns - begun, 60 * NS_PER_SEC, 61 * NS_PER_SEC);
	assert_int_equal(file->fs->operations->read(file, data, 65536, 0), -EIO);
	host.silent = false;
	settle();
	/* The root, which was open, is opened anew. */
	assert_int_equal(fuse_type.entries(root, 0, count_entry, &count), 0);
	assert_true(count && count % 2 == 0);
	assert_int_equal(file->fs->operations->stat(file, &stat), -ESTALE);
	fs_inode_put(root);
	fs_inode_put(file);
	retire(mock);
}

static void unplugged(void **state)
{
	struct mock *mock = mounted();
	struct inode *file = a_file(mock), *root = fs_root();
	struct stat stat;

	(void)state;
	mock_unplug(mock);
	assert_int_equal(file->fs->operations->stat(file, &stat), -ENODEV);
	assert_int_equal(file->fs->operations->read(file, data, 10, 0), -ENODEV);
	assert_int_equal(fs_unlink(root, "file", 4), -ENODEV);
	fs_inode_put(file);
	fs_inode_put(root);
	assert_int_equal(host_page_live, 0);
	share->operations->unmount(share);
	share = NULL;
	mock_remove(mock);
}

static void spoil(uint32_t opcode, uint8_t *reply, uint32_t *bytes, uint32_t *used)
{
	(void)opcode;
	(void)bytes;
	(void)used;
	reply[0]++; /* its length */
}

/* Who looks at an answer after the device went, and is freed, has no device to blame. */
static void an_answer_outlives_the_device(void **state)
{
	struct mock *mock = mounted();
	struct virtio_fs *device = ((struct fuse *)share)->device;
	struct virtio_shared_memory window;
	struct virtio_fs_call call = { .opcode = FUSE_STATFS,
				       .nodeid = FUSE_ROOT_ID,
				       .session = virtio_fs_session(device) };

	(void)state;
	host.tamper = spoil;
	assert_int_equal(virtio_fs_begin(device, &call, true), 0);
	virtio_fs_submit(&call);
	assert_true(mock_run(mock));
	mock_unplug(mock);
	mock_remove(mock);
	assert_int_equal(virtio_fs_finish(&call), -EIO);
	assert_int_equal(virtio_fs_begin(device, &call, true), -ENODEV);
	assert_false(virtio_fs_window(device, &window));
	assert_int_equal(fuse_type.mount("share", false, &(struct fs *){ NULL }),
			 -ENODEV);
	share->operations->unmount(share);
	share = NULL;
	assert_int_equal(host_page_live, 0);
}

/* [VQ-26]: a queue that breaks is reset alone; its calls fail, the session stays. */
static void one_queue_is_reset(void **state)
{
	struct mock *mock = fuse_device(1);
	struct inode *file;
	struct stat stat;

	(void)state;
	mock_offer(mock, VIRTIO_F_RING_RESET);
	assert_int_equal(mock_add(mock), 0);
	assert_int_equal(fuse_type.mount("share", false, &share), 0);
	file = a_file(mock);
	mock->lenient = true;
	mock_push_raw(mock, 1, 77, 16);
	mock_interrupt_always(mock, 1);
	assert_int_equal(file->fs->operations->stat(file, &stat), -EIO);
	pass_time();
	assert_int_equal(file->fs->operations->stat(file, &stat), 0);
	assert_int_equal(host.sessions, 1);
	assert_int_equal(mock->device.counters.queue_resets, 1);
	fs_inode_put(file);
	retire(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(silence, nothing_left),
		cmocka_unit_test_teardown(unplugged, nothing_left),
		cmocka_unit_test_teardown(an_answer_outlives_the_device, nothing_left),
		cmocka_unit_test_teardown(one_queue_is_reset, nothing_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
