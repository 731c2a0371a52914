/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* ext4 where things go wrong: damaged images, a disk that fails, no memory, what is refused.
 * No answer is expected but an end, with nothing lost.
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
#include <stdlib.h>
#include <sys/stat.h>

static void test_rename_fails(void **state)
{
	struct inode *inode;
	int error = -ENOMEM;

	(void)state;
	make_image("image", kinds[0][1], 16);
	for (long budget = 0; error && budget < 200; budget++) {
		assert_int_equal(mount_image(in_work("image"), false), 0);
		fs_inode_put(new_file("from"));
		inode = new_file("to");
		assert_int_equal(ext4->write(inode, "old", 3, 0), 3);
		fs_inode_put(inode);
		host_heap_budget = budget;
		error = fs_rename(root, "from", 4, root, "to", 2);
		host_heap_budget = -1;
		assert_int_equal(fs_resolve(root, "to", true, &inode), 0);
		fs_inode_put(inode);
		unmount_image();
		host_disk_save(in_work("renamed"));
		shell("e2fsck -fn %s/renamed >%s/fsck.log 2>&1 ||"
		      "{ cat %s/fsck.log; false; }",
		      work, work, work);
	}
	assert_int_equal(error, 0);
}

/* A sync is one flush of the disk's cache, and writes nothing that is there already. */
static void test_refused(void **state)
{
	(void)state;
	make_image("image", kinds[0][1], 16);
	host_disk_load(in_work("image"));
	assert_int_equal(mount_image("/dev/null", true), -EINVAL); /* an empty disk */
	shell("truncate -s 8M %s/image", work);
	assert_int_equal(mount_image(in_work("image"), true), -EINVAL);
	shell("head -c 1000000 /dev/zero > %s/image", work);
	assert_int_equal(mount_image(in_work("image"), true), -EINVAL);
	make_image("image", "-t ext4 -O inline_data", 16);
	assert_int_equal(mount_image(in_work("image"), true), -EINVAL);
	make_image("image", kinds[0][1], 16);
	shell("debugfs -w -R 'feature needs_recovery' %s/image >/dev/null 2>&1", work);
	assert_int_equal(mount_image(in_work("image"), false), 0);
	assert_true(mounted->read_only);
	unmount_image();
}

static bool ignore_entry(void *context, const char *name, size_t length, uint64_t inode,
			 unsigned type, uint64_t next)
{
	(void)context;
	(void)name;
	(void)length;
	(void)inode;
	(void)type;
	(void)next;
	return true;
}

/* Everything a program could do to a damaged image; no answer is expected but an end. */
static void poke(void)
{
	static const char *const paths[] = { "dir",	   "many",     "short",
					     "long",	   "absolute", "loop",
					     "dir/sub/up", "hole",     "dir/file8",
					     "dir/file6" };
	static char buffer[100000];
	struct inode *inode;
	struct stat stat;

	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (fs_resolve(root, paths[i], i % 2, &inode))
			continue;
		ext4->stat(inode, &stat);
		if (S_ISDIR(inode->mode))
			ext4->entries(inode, 0, ignore_entry, NULL);
		else if (S_ISREG(inode->mode))
			for (uint64_t at = 0; at < 2000000; at += sizeof(buffer))
				ext4->read(inode, buffer, sizeof(buffer), at);
		if (!mounted->read_only && S_ISREG(inode->mode)) {
			ext4->write(inode, buffer, 5000, 12345);
			ext4->truncate(inode, 100);
		}
		fs_inode_put(inode);
	}
	if (!mounted->read_only) {
		if (!fs_create(root, "new", 3, S_IFREG | 0644, &inode))
			fs_inode_put(inode);
		fs_mkdir(root, "newdir", 6, 0755);
		fs_unlink(root, "hole", 4);
		fs_rename(root, "dir", 3, root, "dir2", 4);
	}
}

/* Blocks that hold something to break: what is not zero, mostly at the front. */
static void flip(unsigned count)
{
	while (count) {
		size_t at = (size_t)rand() % (rand() % 4 ? 200000 : host_disk_bytes);

		if (rand() % 8 && !host_disk[at])
			continue;
		host_disk[at] = (uint8_t)rand();
		count--;
	}
}

static void test_damaged(void **state)
{
	unsigned rounds = getenv("FERRULE_ROUNDS")
				  ? (unsigned)atoi(getenv("FERRULE_ROUNDS"))
				  : 150;
	unsigned opened = 0;
	uint8_t *good;
	size_t bytes;

	(void)state;
	/* Without checksums, so that damage is not simply found by them. */
	make_image("image", kinds[4][1], 16);
	host_disk_load(in_work("image"));
	bytes = host_disk_bytes;
	good = malloc(bytes);
	memcpy(good, host_disk, bytes);
	for (unsigned round = 0; round < rounds; round++) {
		struct fs *fs;

		srand(round);
		memcpy(host_disk, good, bytes);
		flip(1 + (unsigned)rand() % 40);
		if (ext4->mount("vda", round % 2, &fs))
			continue;
		opened++;
		mounted = fs;
		root = ext4->root(fs);
		if (root)
			poke();
		unmount_image();
	}
	assert_true(opened > rounds / 10);
	assert_int_equal(host_page_live, 0);
	free(good);
}

static void test_disk_fails(void **state)
{
	(void)state;
	make_image("image", kinds[0][1], 16);
	for (long budget = 0; budget < 60; budget++) {
		struct fs *fs;

		host_disk_load(in_work("image"));
		host_disk_budget = budget;
		if (ext4->mount("vda", false, &fs))
			continue;
		mounted = fs;
		root = ext4->root(fs);
		if (root)
			poke();
		unmount_image();
	}
	assert_int_equal(host_page_live, 0);
}

static void test_memory_fails(void **state)
{
	(void)state;
	make_image("image", kinds[0][1], 16);
	for (long budget = 0; budget < 300; budget += 3) {
		struct fs *fs;

		host_disk_load(in_work("image"));
		host_heap_budget = budget;
		if (!ext4->mount("vda", false, &fs)) {
			mounted = fs;
			root = ext4->root(fs);
			if (root)
				poke();
			unmount_image();
		}
		host_heap_budget = -1;
	}
	assert_int_equal(host_page_live, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),	     cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_disk_fails),   cmocka_unit_test(test_memory_fails),
		cmocka_unit_test(test_rename_fails),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
