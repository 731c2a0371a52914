/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	tests/unit/host/files.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/virtqueue.c kernel/format.c
 *	virtio/device/exchange.c virtio/device/exchange_setup.c virtio/device/watchdog.c virtio/device/p9.c virtio/device/pieces.c
 *	fs/p9.c fs/p9_inode.c fs/p9_data.c fs/p9_names.c fs/share.c fs/names.c
 *	fs/tree.c fs/change.c */

/* Files by 9p, against a server that is honest. */

#include <kernel/cmdline.h>
#include "p9_mounted.h"

static uint8_t data[FILE_BYTES], back[FILE_BYTES];

/* [P9-01]: the tag "hello" is read back; a device without the feature is not used. */
static void tags(void **state)
{
	struct mock *mock = device("hello");

	(void)state;
	assert_int_equal(mock_add(mock), 0);
	assert_non_null(virtio_p9_find("hello"));
	assert_null(virtio_p9_find("hell"));
	retire(mock);
	mock = device("other");
	mock_withhold(mock, 0);
	assert_true(mock_add(mock) < 0);
	mock_remove(mock);
	assert_null(virtio_p9_find("other"));
	/* What it says may be shown, but moves no cursor. */
	mock = device("a\x1b[2Jb");
	assert_int_equal(mock_add(mock), 0);
	assert_non_null(strstr(host_log_last, "tag \"a?[2Jb\""));
	retire(mock);
}

/* [P9-02] [P9-04]: contents come and go in place, within msize, several in flight; each
 * fid is given back. */
static void contents(void **state)
{
	struct mock *mock = device("hello");
	struct inode *root, *file;
	struct stat stat;
	unsigned known = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + (i >> 8));
	host.msize_answer = 8192;
	assert_int_equal(mock_add(mock), 0);
	assert_int_equal(p9_type.mount("hello", false, &share), 0);
	root = fs_root();
	assert_int_equal(fs_create(root, "file", 4, S_IFREG | 0640, &file), 0);
	assert_int_equal(file->fs->operations->write(file, data, 300000, 5), 300000);
	assert_int_equal(host.read_max, 8192 - 23);
	assert_in_range(host.in_flight_max, 2, 4);
	assert_true(host.most_pieces >= 3); /* payload in descriptors of its own */
	assert_int_equal(file->fs->operations->stat(file, &stat), 0);
	assert_int_equal(stat.st_size, 300005);
	assert_int_equal(stat.st_mode, S_IFREG | 0640);
	assert_int_equal(file->fs->operations->read(file, back, 400000, 5), 300000);
	assert_memory_equal(back, data, 300000);
	assert_int_equal(file->fs->operations->read(file, back, 10, 300005), 0);
	assert_int_equal(file->fs->operations->truncate(file, 100), 0);
	assert_int_equal(file->fs->operations->read(file, back, 1000, 0), 100);
	assert_int_equal(file->fs->operations->sync_file(file), 0);
	assert_int_equal(file->fs->operations->write(file, data, 100, FILE_BYTES),
			 -EFBIG);
	fs_inode_put(file);
	fs_inode_put(root);
	fs_names_drop_all();
	for (unsigned i = 0; i < FIDS; i++)
		known += host.fids[i].known;
	assert_int_equal(known, 1); /* the root's */
	retire(mock);
}

/* [P9-02] */
static void names(void **state)
{
	struct mock *mock = mounted();
	struct inode *root = fs_root(), *inode, *again;
	char longest[255], target[4096];
	unsigned count = 0;

	(void)state;
	memset(longest, 'n', sizeof(longest));
	assert_int_equal(fs_mkdir(root, longest, 255, S_IFDIR | 0755), 0);
	assert_int_equal(fs_mkdir(root, longest, 255, S_IFDIR | 0755), -EEXIST);
	assert_int_equal(fs_rename(root, longest, 255, root, "d", 1), 0);
	inode = resolve("/d");
	host_clock_advance(2 * NS_PER_SEC); /* its name is asked for again */
	again = resolve("/d");
	assert_ptr_equal(inode, again); /* a directory is one inode */
	fs_inode_put(again);
	assert_int_equal(fs_resolve(inode, "..", true, &again), 0);
	assert_ptr_equal(again, root);
	fs_inode_put(again);
	fs_inode_put(inode);
	memset(target, 't', sizeof(target));
	for (size_t length = 1; length < 4096; length = length * 3 + 1) {
		assert_int_equal(fs_symlink(root, "soft", 4, target, length), 0);
		inode = resolve("/soft");
		assert_int_equal(
			inode->fs->operations->readlink(inode, (char *)back, 4096),
			length);
		assert_memory_equal(back, target, length);
		fs_inode_put(inode);
		assert_int_equal(fs_unlink(root, "soft", 4), 0);
	}
	for (unsigned i = 0; i < 8; i++) {
		longest[0] = (char)('a' + i);
		assert_int_equal(fs_mkdir(root, longest, 255, S_IFDIR), 0);
	}
	assert_int_equal(root->fs->operations->entries(root, 0, count_entry, &count), 0);
	assert_int_equal(count, 9);
	fs_inode_put(root);
	retire(mock);
}

LINKSET_DECLARE(cmdline_keys, const struct cmdline_key);

/* [NEG-05]: where devices see little memory, requests are cut to what they can be shown. */
static void in_a_small_arena(void **state)
{
	struct mock *mock;
	struct inode *root, *file;

	(void)state;
	LINKSET_EACH(cmdline_keys, entry)
	if (!strcmp((*entry)->name, "bounce"))
		(*entry)->apply("1M");
	mock = device("hello");
	mock_offer(mock, VIRTIO_F_ACCESS_PLATFORM);
	assert_int_equal(mock_add(mock), 0);
	assert_int_equal(p9_type.mount("hello", false, &share), 0);
	root = fs_root();
	assert_int_equal(fs_create(root, "file", 4, S_IFREG | 0640, &file), 0);
	assert_int_equal(file->fs->operations->write(file, data, 400000, 0), 400000);
	memset(back, 0, sizeof(back));
	assert_int_equal(file->fs->operations->read(file, back, 400000, 0), 400000);
	assert_memory_equal(back, data, 400000);
	fs_inode_put(file);
	fs_inode_put(root);
	fs_names_drop_all();
	retire(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		p9_test(tags), p9_test(contents), p9_test(names),
		cmocka_unit_test(in_a_small_arena), /* the last: the arena stays */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
