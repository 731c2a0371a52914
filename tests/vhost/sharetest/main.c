/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sharetest TAG FILE COPY: a folder of the host's is the root; writes FILE to standard
 * output, and what it read to COPY. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <fs/fuse.h>
#include <tests/share_root.h>

static char data[4 << 20]; /* of a kind that devices reach */

static int fail(const char *what, long error)
{
	printf("%s: %s\n", what, strerror((int)-error));
	return 1;
}

int main(int argc, char **argv)
{
	const struct fs_operations *fuse = &fuse_type;
	struct inode *file, *root, *copy;
	struct stat status;
	long count;
	int error;

	if (argc != 4)
		return 2;
	error = fuse->mount(argv[1], false, &share);
	if (error)
		return fail("mount", error);
	error = fs_resolve(NULL, argv[2], true, &file);
	if (error)
		return fail(argv[2], error);
	error = fuse->stat(file, &status);
	if (error)
		return fail("stat", error);
	if (status.st_size > (off_t)sizeof(data))
		return fail("size", -EFBIG);
	count = fuse->read(file, data, (size_t)status.st_size, 0);
	if (count != status.st_size)
		return fail("read", count);
	fwrite(data, 1, (size_t)count, stdout);
	fs_inode_put(file);
	root = fs_root();
	error = fs_create(root, argv[3], strlen(argv[3]), 0644, &copy);
	if (error)
		return fail("create", error);
	count = fuse->write(copy, data, (size_t)count, 0);
	if (count != status.st_size)
		return fail("write", count);
	fs_inode_put(copy);
	fs_inode_put(root);
	fuse->unmount(share);
	return 0;
}
