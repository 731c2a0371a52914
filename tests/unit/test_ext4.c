/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* ext4 on images made by mke2fs and judged by e2fsck: bytes compared, changes checked.
 *
 * sources: tests/unit/ext4/image.c tests/unit/ext4/tree.c fs/ext4.c fs/ext4_inode.c fs/ext4_io.c fs/ext4_disk.c fs/ext4_data.c fs/ext4_directory.c fs/ext4_write.c
 *	fs/ext4_names.c fs/ext4_remove.c fs/ext4_rename.c fs/cache.c fs/tree.c fs/mount.c fs/names.c fs/change.c fs/dev.c
 *	fs/initrd.c fs/cpio.c tests/unit/host/block.c tests/unit/host/heap.c
 *	tests/unit/host/page.c tests/unit/host/mmu.c tests/unit/host/thread.c
 *	tests/unit/host/time.c tests/unit/host/log.c tests/unit/host/cmdline.c
 *	tests/unit/host/cpu.c tests/unit/host/files.c tests/unit/host/panic.c
 *	kernel/format.c
 * libraries: -lext2fs -lcom_err */

#include "ext4/image.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>

static void test_read(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KINDS; i++) {
		make_image("image", kinds[i][1], 32);
		assert_int_equal(mount_image(in_work("image"), true), 0);
		check_tree();
		unmount_image();
		assert_int_equal(host_page_live, 0);
	}
}

/* A hot file costs no request. */
static void test_cached(void **state)
{
	unsigned before;

	(void)state;
	make_image("image", kinds[0][1], 32);
	assert_int_equal(mount_image(in_work("image"), true), 0);
	check_file("dir/file7", 7);
	before = host_disk_requests;
	check_file("dir/file7", 7);
	assert_int_equal(host_disk_requests, before);
	unmount_image();
}

static void write_and_check(void)
{
	size_t bytes = 700001;
	uint8_t *data = malloc(bytes), *back = malloc(bytes);
	struct inode *inode = new_file("new");
	struct stat stat;

	make_contents(99, data, bytes);
	for (size_t at = 0, part = 1; at < bytes; at += part, part = part * 3 + 1) {
		if (part > bytes - at)
			part = bytes - at;
		assert_int_equal(ext4->write(inode, data + at, part, at), part);
	}
	assert_int_equal(ext4->read(inode, back, bytes, 0), bytes);
	assert_memory_equal(back, data, bytes);
	/* Over what is there, not on block boundaries. */
	for (unsigned i = 0; i < 50; i++) {
		size_t at = (size_t)rand() % (bytes - 9000), part = (size_t)rand() % 9000;

		memset(data + at, (int)i, part);
		assert_int_equal(ext4->write(inode, data + at, part, at), part);
	}
	assert_int_equal(ext4->sync(mounted), 0);
	assert_int_equal(ext4->read(inode, back, bytes, 0), bytes);
	assert_memory_equal(back, data, bytes);
	/* Shorter, longer again: zeroes between. */
	assert_int_equal(ext4->truncate(inode, 5000), 0);
	assert_int_equal(ext4->truncate(inode, 20000), 0);
	memset(data + 5000, 0, 15000);
	assert_int_equal(ext4->read(inode, back, bytes, 0), 20000);
	assert_memory_equal(back, data, 20000);
	/* A hole. */
	assert_int_equal(ext4->write(inode, "x", 1, 900000), 1);
	assert_int_equal(ext4->stat(inode, &stat), 0);
	assert_int_equal(stat.st_size, 900001);
	assert_int_equal(ext4->read(inode, back, 100, 500000), 100);
	assert_int_equal(back[50], 0);
	fs_inode_put(inode);
	free(data);
	free(back);
}

static void change_names(void)
{
	struct inode *inode, *directory, *sub;
	char name[64];

	assert_int_equal(fs_mkdir(root, "made", 4, 0755), 0);
	assert_int_equal(fs_mkdir(root, "made", 4, 0755), -EEXIST);
	assert_int_equal(fs_resolve(root, "made", true, &directory), 0);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "entry-with-a-long-name-%d", i);
		assert_int_equal(
			fs_create(directory, name, strlen(name), S_IFREG | 0600, &inode),
			0);
		assert_int_equal(ext4->write(inode, name, strlen(name), 0), strlen(name));
		fs_inode_put(inode);
	}
	assert_int_equal(fs_rmdir(root, "made", 4), -ENOTEMPTY);
	assert_int_equal(fs_unlink(root, "made", 4), -EISDIR);
	assert_int_equal(fs_unlink(directory, "none", 4), -ENOENT);
	for (int i = 0; i < 300; i += 2) {
		snprintf(name, sizeof(name), "entry-with-a-long-name-%d", i);
		assert_int_equal(fs_unlink(directory, name, strlen(name)), 0);
		assert_int_equal(fs_resolve(directory, name, true, &inode), -ENOENT);
	}
	/* Renames: in place, over another, of a directory to elsewhere and not into itself. */
	assert_int_equal(
		fs_rename(directory, "entry-with-a-long-name-1", 24, directory, "a", 1),
		0);
	assert_int_equal(
		fs_rename(directory, "a", 1, directory, "entry-with-a-long-name-3", 24),
		0);
	assert_int_equal(fs_resolve(directory, "a", true, &inode), -ENOENT);
	assert_int_equal(fs_resolve(directory, "entry-with-a-long-name-3", true, &inode),
			 0);
	assert_int_equal(ext4->read(inode, name, 64, 0), 24);
	assert_memory_equal(name, "entry-with-a-long-name-1", 24);
	fs_inode_put(inode);
	assert_int_equal(fs_mkdir(directory, "sub", 3, 0700), 0);
	assert_int_equal(fs_resolve(directory, "sub", true, &sub), 0);
	assert_int_equal(fs_rename(root, "made", 4, sub, "x", 1), -EINVAL);
	assert_int_equal(fs_rename(directory, "sub", 3, root, "moved", 5), 0);
	assert_int_equal(fs_resolve(root, "moved/..", true, &inode), 0);
	assert_ptr_equal(inode, root);
	fs_inode_put(inode);
	fs_inode_put(sub);
	assert_int_equal(fs_rmdir(root, "moved", 5), 0);
	/* An open file outlives its name. */
	inode = new_file("doomed");
	assert_int_equal(ext4->write(inode, "still here", 10, 0), 10);
	assert_int_equal(fs_unlink(root, "doomed", 6), 0);
	assert_int_equal(ext4->read(inode, name, 64, 0), 10);
	fs_inode_put(inode);
	fs_inode_put(directory);
}

static void test_write(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KINDS; i++) {
		make_image("image", kinds[i][1], 32);
		assert_int_equal(mount_image(in_work("image"), false), 0);
		assert_false(mounted->read_only);
		write_and_check();
		change_names();
		check_tree();
		unmount_image();
		fsck("image");
		assert_int_equal(mount_image(in_work("image"), true), 0);
		check_tree();
		unmount_image();
		assert_int_equal(host_page_live, 0);
	}
}

/* Files that are open without a name when the machine ends are not left on the disk. */
static void test_open_at_end(void **state)
{
	struct inode *inode;

	(void)state;
	make_image("image", kinds[0][1], 16);
	assert_int_equal(mount_image(in_work("image"), false), 0);
	inode = new_file("temporary");
	assert_int_equal(ext4->write(inode, "x", 1, 100000), 1);
	assert_int_equal(fs_unlink(root, "temporary", 9), 0);
	ext4->unmount(mounted);
	fsck("image");
	fs_inode_put(inode);
	unmount_image();
}

/* A disk that nobody changes is not written at all. */
static void test_untouched(void **state)
{
	uint8_t *before;

	(void)state;
	make_image("image", kinds[0][1], 16);
	assert_int_equal(mount_image(in_work("image"), false), 0);
	before = malloc(host_disk_bytes);
	memcpy(before, host_disk, host_disk_bytes);
	check_tree();
	unmount_image();
	assert_memory_equal(before, host_disk, host_disk_bytes);
	free(before);
}

static void test_full(void **state)
{
	static char block[65536];
	struct statfs room;
	struct inode *inode;
	struct stat stat;
	ssize_t done;
	uint64_t at = 0;

	(void)state;
	make_image("image", kinds[0][1], 16);
	assert_int_equal(mount_image(in_work("image"), false), 0);
	inode = new_file("big");
	while ((done = ext4->write(inode, block, sizeof(block), at)) > 0)
		at += (uint64_t)done;
	assert_int_equal(done, -ENOSPC);
	/* Not a block is lost: what did not fit whole was written in part, and nothing lies
	 * behind the end. */
	assert_int_equal(ext4->statfs(mounted, &room), 0);
	assert_int_equal(room.f_bfree, 0);
	check_tree();
	fs_inode_put(inode);
	unmount_image();
	fsck("image");
	assert_int_equal(mount_image(in_work("image"), false), 0);
	assert_int_equal(fs_resolve(root, "big", true, &inode), 0);
	assert_int_equal(ext4->stat(inode, &stat), 0);
	assert_int_equal(stat.st_size, at);
	assert_int_equal(ext4->truncate(inode, 0), 0);
	assert_int_equal(ext4->write(inode, block, sizeof(block), 0), sizeof(block));
	fs_inode_put(inode);
	unmount_image();
	fsck("image");
}

/* A file longer than its map can say. */
static void test_too_long(void **state)
{
	struct inode *inode;

	(void)state;
	for (unsigned i = 0; i < KINDS; i++) {
		make_image("image", kinds[i][1], 16);
		assert_int_equal(mount_image(in_work("image"), false), 0);
		inode = new_file("endless");
		assert_int_equal(ext4->truncate(inode, UINT64_C(1) << 50), -EFBIG);
		assert_int_equal(ext4->write(inode, "x", 1, UINT64_C(1) << 50), -EFBIG);
		fs_inode_put(inode);
		unmount_image();
		fsck("image");
	}
}

/* A directory that was removed while somebody works in it takes nothing any more. */
static void test_removed_directory(void **state)
{
	struct inode *directory, *inode;

	(void)state;
	make_image("image", kinds[0][1], 16);
	assert_int_equal(mount_image(in_work("image"), false), 0);
	inode = new_file("file");
	fs_inode_put(inode);
	assert_int_equal(fs_mkdir(root, "gone", 4, 0755), 0);
	assert_int_equal(fs_resolve(root, "gone", true, &directory), 0);
	assert_int_equal(fs_rmdir(root, "gone", 4), 0);
	assert_int_equal(fs_create(directory, "x", 1, S_IFREG | 0600, &inode), -ENOENT);
	assert_int_equal(fs_mkdir(directory, "x", 1, 0755), -ENOENT);
	assert_int_equal(fs_rename(root, "file", 4, directory, "x", 1), -ENOENT);
	fs_inode_put(directory);
	unmount_image();
	fsck("image");
}

/* A sync is one flush of the disk's cache, and writes nothing that is there already. */
static void test_sync(void **state)
{
	struct inode *inode;
	unsigned requests, flushes;

	(void)state;
	make_image("image", kinds[0][1], 16);
	assert_int_equal(mount_image(in_work("image"), false), 0);
	inode = new_file("file");
	assert_int_equal(ext4->write(inode, "x", 1, 0), 1);
	assert_int_equal(ext4->sync(mounted), 0);
	requests = host_disk_requests;
	flushes = host_disk_flushes;
	assert_int_equal(ext4->sync(mounted), 0);
	assert_int_equal(host_disk_flushes, flushes + 1);
	assert_true(host_disk_requests <= requests + 1); /* the superblock's time */
	fs_inode_put(inode);
	unmount_image();
	fsck("image");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_cached),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_open_at_end),
		cmocka_unit_test(test_untouched),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_removed_directory),
		cmocka_unit_test(test_sync),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
