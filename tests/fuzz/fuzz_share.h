/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the targets for shares of the host have in common: the share is the root of the
 * tree, and a program walks, reads and changes it. */

#ifndef FUZZ_SHARE_H
#define FUZZ_SHARE_H

#include <errno.h>
#include <sys/stat.h>
#include <fs/fs.h>
#include <fs/names.h>
#include <tests/share_root.h>
#include "fuzz.h"

static struct inode *root, *file;
static uint8_t content[1 << 16];

static bool visit(void *context, const char *name, size_t length, uint64_t inode,
		  unsigned type, uint64_t next_offset)
{
	(void)inode;
	(void)type;
	(void)next_offset;
	FUZZ_ASSERT(length && length <= FS_NAME_MAX && !memchr(name, '/', length) &&
		    !memchr(name, '\0', length)); /* [FS-08] */
	return ++*(unsigned *)context < 300;
}

static void keep(int error, struct inode *inode)
{
	FUZZ_ASSERT(error <= 0 && error >= -4095);
	if (error)
		return;
	if (file)
		fs_inode_put(file);
	file = inode;
}

static void share_step(const struct fs_operations *type, struct mock_chaos *chaos)
{
	uint8_t what = mock_chaos_byte(chaos);
	uint16_t offset = (uint16_t)(mock_chaos_byte(chaos) << 8);
	const struct fs_attributes attributes = { .set = what };
	struct inode *inode = NULL;
	unsigned count = 0;
	struct stat stat;
	char path[64];
	ssize_t result = 0;

	if (!share && type->mount("share", false, &share))
		share = NULL;
	if (!share)
		return;
	if (!root)
		root = fs_root();
	if (what & 0x80)
		fs_names_drop_all();
	switch (what % 16) {
	case 0:
		keep(fs_create(root, "a", 1, S_IFREG | 0644, &inode), inode);
		return;
	case 1:
		keep(fs_resolve(NULL, "/d/a/..", true, &inode), inode);
		return;
	case 2:
		keep(fs_resolve(file, "a", false, &inode), inode);
		return;
	case 3:
		result = fs_mkdir(root, "d", 1, S_IFDIR | 0755);
		break;
	case 4:
		result = fs_unlink(root, "a", 1);
		break;
	case 5:
		result = fs_rename(root, "a", 1, root, "b", 1);
		break;
	case 6:
		result = fs_symlink(root, "s", 1, "target", 6);
		break;
	case 7:
		result = root->fs->operations->entries(root, offset, visit, &count);
		break;
	case 8:
		result = root->fs->operations->statfs(share, &(struct statfs){ 0 });
		break;
	case 9:
		result = fs_path_of(root, path, sizeof(path));
		break;
	}
	FUZZ_ASSERT(result <= 0 && result >= -4095);
	if (!file)
		return;
	switch (what % 16) {
	case 10:
		result = type->read(file, content, offset, offset);
		break;
	case 11:
		result = type->write(file, content, offset, offset);
		break;
	case 12:
		result = type->stat(file, &stat);
		FUZZ_ASSERT(result || stat.st_size >= 0);
		break;
	case 13:
		result = type->readlink(file, path, sizeof(path));
		FUZZ_ASSERT(result <= (ssize_t)sizeof(path));
		break;
	case 14:
		result = fs_set(file, &attributes);
		break;
	case 15:
		result = type->sync_file(file);
		break;
	}
	FUZZ_ASSERT(result >= -4095 && result <= (ssize_t)sizeof(content));
}

/* A few bytes of an answer changed, and perhaps its length. */
static void share_tamper(struct mock_chaos *chaos, uint8_t *reply, uint32_t *bytes,
			 uint32_t room)
{
	uint8_t how = mock_chaos_byte(chaos);

	for (unsigned left = how & 3; left && *bytes; left--) {
		uint32_t at = mock_chaos_byte(chaos);

		reply[at % *bytes] = mock_chaos_byte(chaos);
	}
	if ((how & 0x3c) == 0x3c)
		*bytes = mock_chaos_below(chaos, room + 1);
	if (*bytes > room)
		*bytes = room;
}

#endif
