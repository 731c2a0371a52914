/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Images in a folder of their own, and the one that is mounted. */

#include "image.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

char work[] = "/tmp/ferrule-ext4-XXXXXX";

void shell(const char *fmt, ...)
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

struct fs *mounted;
struct inode *root;
const struct fs_operations *ext4;

LINKSET_DECLARE(fs_types, const struct fs_operations);

int mount_image(const char *image, bool read_only)
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

void unmount_image(void)
{
	fs_names_drop_all();
	if (root)
		fs_inode_put(root);
	ext4->unmount(mounted);
	mounted = NULL;
	root = NULL;
}

void make_image(const char *name, const char *options, unsigned mebibytes)
{
	shell("rm -f %s/%s; mke2fs -q -F -d %s/tree %s %s/%s %uM >/dev/null 2>&1", work,
	      name, work, options, work, name, mebibytes);
}

char *in_work(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", work, name);
	return path;
}

void fsck(const char *name)
{
	host_disk_save(in_work(name));
	shell("e2fsck -fn %s/%s >%s/fsck.log 2>&1 || { cat %s/fsck.log; false; }", work,
	      name, work, work);
}

const char *const kinds[][2] = {
	{ "ext4-4k", "-t ext4 -b 4096" },
	{ "ext4-1k", "-t ext4 -b 1024" },
	{ "ext2-2k", "-t ext2 -b 2048" },
	{ "ext3-1k", "-t ext3 -b 1024" },
	{ "ext4-plain", "-t ext4 -b 4096 -O ^metadata_csum,^64bit,^dir_index" },
	{ "ext4-bigalloc", "-t ext4 -b 4096 -O bigalloc -C 16384" },
};

int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(work))
		return -1;
	make_tree();
	return 0;
}

int tear_down(void **state)
{
	(void)state;
	host_disk_free();
	shell("rm -rf %s", work);
	return 0;
}
