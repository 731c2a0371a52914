/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The file tree over initrds made by cpio, with /dev mounted in it; and initrds out of
 * damaged archives.
 *
 * sources: fs/tree.c fs/mount.c fs/names.c fs/change.c fs/dev.c fs/initrd.c fs/cpio.c
 *	fs/ext4.c fs/ext4_inode.c fs/ext4_io.c fs/ext4_disk.c fs/ext4_data.c fs/ext4_directory.c fs/ext4_write.c
 *	fs/ext4_names.c fs/ext4_remove.c fs/ext4_rename.c fs/cache.c kernel/format.c tests/unit/host/block.c
 *	tests/unit/host/files.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/mmu.c tests/unit/host/thread.c tests/unit/host/time.c
 *	tests/unit/host/log.c tests/unit/host/cmdline.c tests/unit/host/cpu.c
 *	tests/unit/host/panic.c
 * libraries: -lext2fs -lcom_err */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <arch/mmu.h>
#include <fs/fs.h>
#include <fs/initrd.h>
#include <fs/names.h>
#include <fs/tree.h>
#include <kernel/boot_info.h>
#include "host/host.h"

static char work[] = "/tmp/ferrule-tree-XXXXXX";
static uint8_t *archive;
static size_t archive_bytes;

static void make_archive(void)
{
	char command[1024], path[64];
	FILE *file;

	snprintf(
		command, sizeof(command),
		"cd %s && mkdir -p t/etc/deep/er && echo hello > t/etc/motd && "
		"ln t/etc/motd t/etc/same && ln -s motd t/etc/link && ln -s /etc t/conf && "
		"head -c 5000 /dev/zero > t/zeroes && cd t && "
		"find . | cpio --quiet -o -H newc > ../a.cpio",
		work);
	if (system(command))
		abort();
	snprintf(path, sizeof(path), "%s/a.cpio", work);
	file = fopen(path, "rb");
	if (!file)
		abort();
	archive = malloc(1 << 20);
	archive_bytes = fread(archive, 1, 1 << 20, file);
	fclose(file);
}

static void check_text(const char *path, const char *text)
{
	struct inode *inode;
	char back[64] = { 0 };

	assert_int_equal(fs_resolve(NULL, path, true, &inode), 0);
	assert_int_equal(inode->fs->operations->read(inode, back, 63, 0), strlen(text));
	assert_string_equal(back, text);
	fs_inode_put(inode);
}

static void check_path_of(const char *path, const char *want)
{
	struct inode *inode;
	char back[FS_PATH_MAX];

	assert_int_equal(fs_resolve(NULL, path, true, &inode), 0);
	assert_int_equal(fs_path_of(inode, back, sizeof(back)), 0);
	assert_string_equal(back, want);
	assert_int_equal(fs_path_of(inode, back, strlen(want)), -ERANGE);
	assert_int_equal(fs_path_of(inode, back, strlen(want) + 1), 0);
	fs_inode_put(inode);
}

static void test_tree(void **state)
{
	struct inode *inode, *other;
	const char *name;
	size_t length;

	(void)state;
	assert_int_equal(fs_resolve(NULL, "/", true, &inode), -ENOENT); /* no root yet */
	boot_info.module_count = 1;
	boot_info.modules[0] = (struct boot_module){ virt_to_phys(archive), archive_bytes,
						     "a.cpio" };
	assert_int_equal(fs_mount("none-such", "", "/", true), -ENODEV);
	assert_int_equal(fs_mount("initrd", "b.cpio", "/", true), -ENOENT);
	assert_int_equal(fs_mount("initrd", "", "/", true), 0);
	assert_int_equal(fs_mount("empty", "", "/", true), -EBUSY);
	assert_int_equal(fs_mount("dev", "", "/dev", false), 0);

	check_text("/etc/motd", "hello\n");
	check_text("etc/same", "hello\n"); /* its data is at the other name */
	check_text("/etc/link", "hello\n");
	check_text("/conf/link", "hello\n");
	check_text("/etc/deep/../../../../etc/./motd", "hello\n");
	check_text("/dev/../etc//motd", "hello\n");
	check_path_of("/", "/");
	check_path_of("/etc/deep/er", "/etc/deep/er");
	check_path_of("/dev", "/dev");
	check_path_of("/conf/deep", "/etc/deep");
	assert_int_equal(fs_resolve(NULL, "/etc/motd/", true, &inode), -ENOTDIR);
	assert_int_equal(fs_resolve(NULL, "/etc/motd/x", true, &inode), -ENOTDIR);
	assert_int_equal(fs_resolve(NULL, "", true, &inode), -ENOENT);
	assert_int_equal(fs_resolve(NULL, "/none/x", true, &inode), -ENOENT);
	assert_int_equal(fs_resolve(NULL, "/conf", false, &inode), 0);
	assert_true(S_ISLNK(inode->mode));
	fs_inode_put(inode);
	assert_int_equal(fs_resolve(NULL, "/conf/", false, &inode), 0);
	assert_true(S_ISDIR(inode->mode));
	/* From a directory. */
	assert_int_equal(fs_resolve(inode, "deep/er", true, &other), 0);
	fs_inode_put(other);
	fs_inode_put(inode);
	/* A parent and a name. */
	assert_int_equal(fs_resolve_parent(NULL, "/etc/new//", &inode, &name, &length),
			 0);
	assert_int_equal(length, 3);
	assert_memory_equal(name, "new", 3);
	assert_int_equal(fs_create(inode, name, length, S_IFREG, &other), -EROFS);
	assert_int_equal(fs_mkdir(inode, "deep", 4, 0), -EROFS);
	assert_int_equal(fs_symlink(inode, "new", 3, "x", 1), -EROFS);
	assert_int_equal(fs_link(inode, inode, "new", 3), -EROFS);
	assert_int_equal(fs_set(inode, &(struct fs_attributes){ .set = FS_MODE }),
			 -EROFS);
	fs_inode_put(inode);
	assert_int_equal(fs_resolve_parent(NULL, "/zeroes/x", &inode, &name, &length),
			 -ENOTDIR);
}

static void test_long_names(void **state)
{
	char path[FS_PATH_MAX + 100];
	struct inode *inode;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[FS_NAME_MAX] = '\0';
	assert_int_equal(fs_resolve(NULL, path, true, &inode), -ENOENT);
	path[FS_NAME_MAX] = 'x';
	path[FS_NAME_MAX + 1] = '\0';
	assert_int_equal(fs_resolve(NULL, path, true, &inode), -ENAMETOOLONG);
	memset(path, '/', sizeof(path));
	path[FS_PATH_MAX - 1] = '\0';
	assert_int_equal(fs_resolve(NULL, path, true, &inode), 0);
	fs_inode_put(inode);
	path[FS_PATH_MAX - 1] = '/';
	path[FS_PATH_MAX + 50] = '\0';
	assert_int_equal(fs_resolve(NULL, path, true, &inode), -ENAMETOOLONG);
}

/* Names asked for again and again, more of them than are remembered. */
static void test_many_names(void **state)
{
	struct inode *inode;
	char path[64];

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 20000; i++) {
			snprintf(path, sizeof(path), "/etc/no-%d", i);
			assert_int_equal(fs_resolve(NULL, path, true, &inode), -ENOENT);
		}
		check_text("/etc/motd", "hello\n");
	}
}

static bool descend(void *context, const char *name, size_t length, uint64_t number,
		    unsigned type, uint64_t next)
{
	struct inode *directory = context, *inode;
	char bytes[128];

	(void)number;
	(void)type;
	(void)next;
	if (length <= 2 && memcmp(name, "..", length) == 0)
		return true;
	if (directory->fs->operations->lookup(directory, name, length, &inode))
		return true;
	if (S_ISDIR(inode->mode))
		inode->fs->operations->entries(inode, 0, descend, inode);
	else
		inode->fs->operations->read(inode, bytes, sizeof(bytes), 0);
	fs_inode_put(inode);
	return true;
}

static void test_damaged(void **state)
{
	(void)state;
	srand(2);
	for (int round = 0; round < 3000; round++) {
		size_t bytes = round % 3 ? archive_bytes
					 : (size_t)rand() % (archive_bytes + 1);
		uint8_t *copy = malloc(bytes ? bytes : 1);
		long live = host_heap_live;
		struct inode *root;
		struct fs *fs;

		memcpy(copy, archive, bytes);
		for (int flips = rand() % 20; bytes && flips; flips--)
			copy[(size_t)rand() % bytes] =
				(uint8_t) "0017fF/.\0a"[rand() % 10];
		if (round % 5 == 0)
			host_heap_budget = rand() % 20;
		if (!initrd_build(copy, bytes, "damaged", &fs)) {
			host_heap_budget = -1;
			root = fs->operations->root(fs);
			fs->operations->entries(root, 0, descend, root);
			fs_inode_put(root);
			fs->operations->unmount(fs);
		}
		host_heap_budget = -1;
		assert_int_equal(host_heap_live, live);
		free(copy);
	}
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(work))
		return -1;
	make_archive();
	return 0;
}

static int tear_down(void **state)
{
	char command[64];

	(void)state;
	fs_names_drop_all();
	free(archive);
	snprintf(command, sizeof(command), "rm -rf %s", work);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
