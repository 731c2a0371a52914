/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* ext4 on images made by mke2fs and judged by e2fsck: bytes compared, changes checked,
 * damage survived.
 *
 * sources: fs/ext4.c fs/ext4_inode.c fs/ext4_io.c fs/ext4_disk.c fs/ext4_data.c fs/ext4_directory.c fs/ext4_write.c
 *	fs/ext4_names.c fs/ext4_remove.c fs/ext4_rename.c fs/cache.c fs/tree.c fs/mount.c fs/names.c fs/change.c fs/dev.c
 *	fs/initrd.c fs/cpio.c tests/unit/host/block.c tests/unit/host/heap.c
 *	tests/unit/host/page.c tests/unit/host/mmu.c tests/unit/host/thread.c
 *	tests/unit/host/time.c tests/unit/host/log.c tests/unit/host/cmdline.c
 *	tests/unit/host/cpu.c tests/unit/host/files.c tests/unit/host/panic.c
 *	kernel/format.c
 * libraries: -lext2fs -lcom_err */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <fs/cache.h>
#include <fs/fs.h>
#include <fs/names.h>
#include <fs/tree.h>
#include "host/block.h"
#include "host/host.h"

static char work[] = "/tmp/ferrule-ext4-XXXXXX";

static void shell(const char *fmt, ...)
{
	char command[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	if (system(command)) {
		fprintf(stderr, "failed: %s\n", command);
		abort();
	}
}

/* The contents of file `number`: the same here and in the image. */
static size_t make_contents(unsigned number, uint8_t *out, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		out[i] = (uint8_t)(i * 2654435761u >> 13 ^ number);
	return bytes;
}

static const size_t sizes[] = { 0, 1, 511, 1024, 4095, 4096, 4097, 70000, 1500000 };
#define FILES (sizeof(sizes) / sizeof(sizes[0]))

static void make_tree(void)
{
	uint8_t *bytes = malloc(1500000);
	char path[256];

	shell("mkdir -p %s/tree/dir/sub %s/tree/many", work, work);
	for (unsigned i = 0; i < FILES; i++) {
		FILE *file;

		snprintf(path, sizeof(path), "%s/tree/dir/file%u", work, i);
		file = fopen(path, "wb");
		make_contents(i, bytes, sizes[i]);
		if (!file || fwrite(bytes, 1, sizes[i], file) != sizes[i] || fclose(file))
			abort();
	}
	for (unsigned i = 0; i < 500; i++)
		shell("echo %u > %s/tree/many/a-rather-long-name-number-%u", i, work, i);
	shell("ln -s dir/file4 %s/tree/short; ln -s ../file5 %s/tree/dir/sub/up", work,
	      work);
	shell("ln -s loop %s/tree/loop; ln -s /dir %s/tree/absolute", work, work);
	shell("ln -s ././././././././././././././././././././././././././././././././"
	      "././././././././././dir/file6 %s/tree/long",
	      work);
	shell("truncate -s 3000000 %s/tree/hole; echo end >> %s/tree/hole", work, work);
	free(bytes);
}

static struct fs *mounted;
static struct inode *root;
static const struct fs_operations *ext4;

LINKSET_DECLARE(fs_types, const struct fs_operations);

static int mount_image(const char *image, bool read_only)
{
	struct fs *fs;
	int error;

	host_disk_load(image);
	LINKSET_EACH(fs_types, entry)
	if (strcmp((*entry)->name, "ext4") == 0)
		ext4 = *entry;
	error = ext4->mount("vda", read_only, &fs);
	if (error)
		return error;
	mounted = fs;
	root = ext4->root(fs);
	return root ? 0 : -EIO;
}

static void unmount_image(void)
{
	fs_names_drop_all();
	if (root)
		fs_inode_put(root);
	ext4->unmount(mounted);
	mounted = NULL;
	root = NULL;
}

static void make_image(const char *name, const char *options, unsigned mebibytes)
{
	shell("rm -f %s/%s; mke2fs -q -F -d %s/tree %s %s/%s %uM >/dev/null 2>&1", work,
	      name, work, options, work, name, mebibytes);
}

static char *in_work(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", work, name);
	return path;
}

static void fsck(const char *name)
{
	host_disk_save(in_work(name));
	shell("e2fsck -fn %s/%s >%s/fsck.log 2>&1 || { cat %s/fsck.log; false; }", work,
	      name, work, work);
}

static void check_file(const char *path, unsigned number)
{
	uint8_t *want = malloc(1500000), *got = malloc(1500001);
	struct inode *inode;
	struct stat stat;

	make_contents(number, want, sizes[number]);
	assert_int_equal(fs_resolve(root, path, true, &inode), 0);
	assert_int_equal(ext4->stat(inode, &stat), 0);
	assert_int_equal(stat.st_size, sizes[number]);
	assert_true(S_ISREG(stat.st_mode));
	assert_int_equal(ext4->read(inode, got, 1500001, 0), sizes[number]);
	assert_memory_equal(got, want, sizes[number]);
	/* In uneven pieces, twice: from the disk and from the cache. */
	for (size_t at = 0; at < sizes[number]; at += 3333) {
		size_t part = sizes[number] - at < 3333 ? sizes[number] - at : 3333;

		assert_int_equal(ext4->read(inode, got, part, at), part);
		assert_memory_equal(got, want + at, part);
	}
	fs_inode_put(inode);
	free(want);
	free(got);
}

static bool count_entry(void *context, const char *name, size_t length, uint64_t inode,
			unsigned type, uint64_t next)
{
	(void)name;
	(void)type;
	(void)next;
	assert_true(length && inode);
	++*(unsigned *)context;
	return true;
}

/* Stops after each entry, goes on where it was told to. */
static bool one_entry(void *context, const char *name, size_t length, uint64_t inode,
		      unsigned type, uint64_t next)
{
	uint64_t *offset = context;

	(void)name;
	(void)length;
	(void)inode;
	(void)type;
	if (*offset & 1ull << 63)
		return false;
	*offset = next | 1ull << 63;
	return true;
}

static void check_tree(void)
{
	struct inode *inode;
	unsigned count = 0;
	uint64_t offset = 0;
	char text[512], path[64];
	struct statfs statfs;

	for (unsigned i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "dir/file%u", i);
		check_file(path, i);
	}
	check_file("short", 4);
	check_file("dir/sub/up", 5);
	check_file("long", 6);
	check_file("dir/../dir/./sub//../file3", 3);
	assert_int_equal(fs_resolve(root, "loop", true, &inode), -ELOOP);
	assert_int_equal(fs_resolve(root, "dir/none", true, &inode), -ENOENT);
	assert_int_equal(fs_resolve(root, "dir/none", true, &inode), -ENOENT);
	assert_int_equal(fs_resolve(root, "dir/file1/x", true, &inode), -ENOTDIR);
	assert_int_equal(fs_resolve(root, "dir/file1/", true, &inode), -ENOTDIR);
	assert_int_equal(fs_resolve(root, "hole", true, &inode), 0);
	memset(text, 1, sizeof(text));
	assert_int_equal(ext4->read(inode, text, 512, 2999999), 5);
	assert_memory_equal(text, "\0end\n", 5);
	assert_int_equal(ext4->read(inode, text, 512, 1000000), 512);
	for (int i = 0; i < 512; i++)
		assert_int_equal(text[i], 0);
	fs_inode_put(inode);
	assert_int_equal(fs_resolve(root, "many", true, &inode), 0);
	assert_int_equal(ext4->entries(inode, 0, count_entry, &count), 0);
	assert_int_equal(count, 502);
	for (count = 0;; count++) {
		uint64_t before = offset;

		assert_int_equal(ext4->entries(inode, offset, one_entry, &offset), 0);
		if (offset == before)
			break;
		offset &= ~(1ull << 63);
	}
	assert_int_equal(count, 502);
	fs_inode_put(inode);
	assert_int_equal(ext4->statfs(mounted, &statfs), 0);
	assert_int_equal(statfs.f_type, 0xef53);
}

static const char *const kinds[][2] = {
	{ "ext4-4k", "-t ext4 -b 4096" },
	{ "ext4-1k", "-t ext4 -b 1024" },
	{ "ext2-2k", "-t ext2 -b 2048" },
	{ "ext3-1k", "-t ext3 -b 1024" },
	{ "ext4-plain", "-t ext4 -b 4096 -O ^metadata_csum,^64bit,^dir_index" },
	{ "ext4-bigalloc", "-t ext4 -b 4096 -O bigalloc -C 16384" },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

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

static struct inode *new_file(const char *name)
{
	struct inode *inode;

	assert_int_equal(fs_create(root, name, strlen(name), S_IFREG | 0644, &inode), 0);
	return inode;
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

/* Whatever fails in a rename, the name that it was to replace is there. */
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

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(work))
		return -1;
	make_tree();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	host_disk_free();
	shell("rm -rf %s", work);
	return 0;
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
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_disk_fails),
		cmocka_unit_test(test_memory_fails),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_removed_directory),
		cmocka_unit_test(test_rename_fails),
		cmocka_unit_test(test_sync),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
