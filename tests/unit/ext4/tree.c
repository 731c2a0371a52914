/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The tree of files that every image holds: links, holes, a large directory, files of sizes
 * around the block. */

#include "image.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>

size_t make_contents(unsigned number, uint8_t *out, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		out[i] = (uint8_t)(i * 2654435761u >> 13 ^ number);
	return bytes;
}

static const size_t sizes[] = { 0, 1, 511, 1024, 4095, 4096, 4097, 70000, 1500000 };
#define FILES (sizeof(sizes) / sizeof(sizes[0]))

void make_tree(void)
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

void check_file(const char *path, unsigned number)
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

void check_tree(void)
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

struct inode *new_file(const char *name)
{
	struct inode *inode;

	assert_int_equal(fs_create(root, name, strlen(name), S_IFREG | 0644, &inode), 0);
	return inode;
}
