/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* /dev: the few device files that programs expect, and the empty root for when there is
 * no other. */

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <ferrule/entropy.h>
#include <fs/dev.h>
#include <fs/fs.h>

enum kind { DIRECTORY, NULL_DEVICE, ZERO, FULL, RANDOM, TERMINAL };

struct node {
	struct inode inode; /* must be first */
	const char *name;
	enum kind kind;
	unsigned major, minor; /* Linux's numbers (devices.txt) */
};

#define DEVICE(n, text, what, ma, mi)                                 \
	{                                                             \
		.inode = { .fs = &dev_fs,                             \
			   .number = n,                               \
			   .mode = S_IFCHR | 0666,                    \
			   .references = 1 },                         \
		.name = text, .kind = what, .major = ma, .minor = mi, \
	}

static struct fs dev_fs = { .operations = &dev_type, .read_only = false };
static struct fs empty_fs = { .operations = &empty_type, .read_only = true };

/* References start at one that is never given back: these are never freed. */
static struct node dev_root = {
	.inode = { .fs = &dev_fs, .number = 1, .mode = S_IFDIR | 0755, .references = 1 },
	.kind = DIRECTORY,
};
static struct node empty_root = {
	.inode = { .fs = &empty_fs,
		   .number = 1,
		   .mode = S_IFDIR | 0755,
		   .references = 1 },
	.kind = DIRECTORY,
};
static struct node devices[] = {
	DEVICE(2, "null", NULL_DEVICE, 1, 3), DEVICE(3, "zero", ZERO, 1, 5),
	DEVICE(4, "full", FULL, 1, 7),	      DEVICE(5, "random", RANDOM, 1, 8),
	DEVICE(6, "urandom", RANDOM, 1, 9),   DEVICE(7, "tty", TERMINAL, 5, 0),
	DEVICE(8, "console", TERMINAL, 5, 1),
};
#define DEVICES (sizeof(devices) / sizeof(devices[0]))

static int dev_mount(const char *source, bool read_only, struct fs **out)
{
	(void)source;
	(void)read_only;
	*out = &dev_fs;
	return 0;
}

static int empty_mount(const char *source, bool read_only, struct fs **out)
{
	(void)source;
	(void)read_only;
	*out = &empty_fs;
	return 0;
}

static void no_unmount(struct fs *fs)
{
	(void)fs;
}

static struct inode *dev_get_root(struct fs *fs)
{
	return fs_inode_get(fs == &dev_fs ? &dev_root.inode : &empty_root.inode);
}

static int dev_lookup(struct inode *directory, const char *name, size_t length,
		      struct inode **out)
{
	for (size_t i = 0; directory == &dev_root.inode && i < DEVICES; i++) {
		if (strlen(devices[i].name) == length &&
		    memcmp(devices[i].name, name, length) == 0) {
			*out = fs_inode_get(&devices[i].inode);
			return 0;
		}
	}
	return -ENOENT;
}

static void dev_forget(struct inode *inode)
{
	(void)inode;
}

static int dev_stat(struct inode *inode, struct stat *out)
{
	const struct node *node = (const struct node *)inode;

	memset(out, 0, sizeof(*out));
	out->st_ino = inode->number;
	out->st_mode = inode->mode;
	out->st_nlink = node->kind == DIRECTORY ? 2 : 1;
	out->st_rdev = makedev(node->major, node->minor);
	out->st_blksize = 4096;
	return 0;
}

static ssize_t dev_read(struct inode *inode, void *out, size_t bytes, uint64_t offset)
{
	char random[256];
	size_t part;

	(void)offset;
	switch (((const struct node *)inode)->kind) {
	case NULL_DEVICE:
		return 0;
	case ZERO:
	case FULL:
		memset(out, 0, bytes);
		return (ssize_t)bytes;
	case RANDOM:
		/* By way of the stack: the generator works under its lock, where the
		 * application's memory may not be touched. */
		for (size_t done = 0; done < bytes; done += part) {
			part = bytes - done < sizeof(random) ? bytes - done
							     : sizeof(random);
			ferrule_entropy_read(random, part);
			memcpy((char *)out + done, random, part);
		}
		return (ssize_t)bytes;
	default:
		return -EINVAL;
	}
}

static ssize_t dev_write(struct inode *inode, const void *in, size_t bytes,
			 uint64_t offset)
{
	char copy[256];
	size_t part;

	(void)offset;
	switch (((const struct node *)inode)->kind) {
	case NULL_DEVICE:
	case ZERO:
		return (ssize_t)bytes;
	case FULL:
		return -ENOSPC;
	case RANDOM: /* anybody may stir, nobody may vouch */
		for (size_t done = 0; done < bytes; done += part) {
			part = bytes - done < sizeof(copy) ? bytes - done : sizeof(copy);
			memcpy(copy, (const char *)in + done, part);
			ferrule_entropy_mix(copy, part, false);
		}
		return (ssize_t)bytes;
	default:
		return -EINVAL;
	}
}

static int dev_truncate(struct inode *inode, uint64_t bytes)
{
	(void)inode;
	(void)bytes;
	return 0; /* open(O_TRUNC) of a device does nothing */
}

static int dev_entries(struct inode *directory, uint64_t offset, fs_entry_visitor visit,
		       void *context)
{
	size_t count = directory == &dev_root.inode ? DEVICES : 0;

	if (offset < 1 && !visit(context, ".", 1, directory->number, S_IFDIR, 1))
		return 0;
	if (offset < 2 && !visit(context, "..", 2, directory->number, S_IFDIR, 2))
		return 0;
	for (size_t i = offset < 2 ? 0 : offset - 2; i < count; i++)
		if (!visit(context, devices[i].name, strlen(devices[i].name),
			   devices[i].inode.number, S_IFCHR, i + 3))
			break;
	return 0;
}

static int dev_statfs(struct fs *fs, struct statfs *out)
{
	(void)fs;
	memset(out, 0, sizeof(*out));
	out->f_type = 0x01021994; /* TMPFS_MAGIC (statfs(2)), as Linux's devtmpfs says */
	out->f_bsize = out->f_frsize = 4096;
	out->f_namelen = FS_NAME_MAX;
	return 0;
}

#define SHARED_OPERATIONS                                                             \
	.unmount = no_unmount, .root = dev_get_root, .lookup = dev_lookup,            \
	.forget = dev_forget, .stat = dev_stat, .read = dev_read, .write = dev_write, \
	.truncate = dev_truncate, .entries = dev_entries, .statfs = dev_statfs

const struct fs_operations dev_type = { .name = "dev",
					.mount = dev_mount,
					SHARED_OPERATIONS };
const struct fs_operations empty_type = { .name = "empty",
					  .mount = empty_mount,
					  SHARED_OPERATIONS };
FS_TYPE(dev_type);
FS_TYPE(empty_type);
