/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* FUSE, the part of the protocol (7.31 to 7.36) that is spoken here: opcodes and the
 * layout of arguments and answers, which is fixed for all versions from 7.23 on. All
 * fields are in the machine's order. */

#ifndef FS_FUSE_PROTOCOL_H
#define FS_FUSE_PROTOCOL_H

#include <stdint.h>

#define FUSE_MAJOR	  7
#define FUSE_MINOR	  36 /* what we speak */
#define FUSE_MINOR_OLDEST 31 /* what we still speak with */
#define FUSE_ROOT_ID	  1

enum fuse_opcode {
	FUSE_LOOKUP = 1,
	FUSE_GETATTR = 3,
	FUSE_SETATTR = 4,
	FUSE_READLINK = 5,
	FUSE_SYMLINK = 6,
	FUSE_MKDIR = 9,
	FUSE_UNLINK = 10,
	FUSE_RMDIR = 11,
	FUSE_LINK = 13,
	FUSE_OPEN = 14,
	FUSE_READ = 15,
	FUSE_WRITE = 16,
	FUSE_STATFS = 17,
	FUSE_RELEASE = 18,
	FUSE_FSYNC = 20,
	FUSE_INIT = 26,
	FUSE_OPENDIR = 27,
	FUSE_READDIR = 28,
	FUSE_RELEASEDIR = 29,
	FUSE_CREATE = 35,
	FUSE_DESTROY = 38,
	FUSE_RENAME2 = 45,
	FUSE_SETUPMAPPING = 48,
	FUSE_REMOVEMAPPING = 49,
	FUSE_SYNCFS = 50,
};

enum fuse_init_flag {
	FUSE_ASYNC_READ = 1 << 0,
	FUSE_EXPORT_SUPPORT = 1 << 4, /* "." and ".." can be looked up */
	FUSE_BIG_WRITES = 1 << 5,
	FUSE_DONT_MASK = 1 << 6,
	FUSE_PARALLEL_DIROPS = 1 << 18,
	FUSE_MAX_PAGES = 1 << 22,
	FUSE_MAP_ALIGNMENT = 1 << 26,
};

struct fuse_init_in {
	uint32_t major, minor, max_readahead, flags, flags2, unused[11];
};
struct fuse_init_out {
	uint32_t major, minor, max_readahead, flags;
	uint16_t max_background, congestion_threshold;
	uint32_t max_write, time_gran;
	uint16_t max_pages, map_alignment;
	uint32_t flags2, unused[7];
};

struct fuse_attr {
	uint64_t ino, size, blocks;
	uint64_t atime, mtime, ctime;
	uint32_t atimensec, mtimensec, ctimensec;
	uint32_t mode, nlink, uid, gid, rdev, blksize, flags;
};
struct fuse_entry_out {
	uint64_t nodeid, generation;
	uint64_t entry_valid, attr_valid; /* seconds from now */
	uint32_t entry_valid_nsec, attr_valid_nsec;
	struct fuse_attr attr;
};
struct fuse_attr_out {
	uint64_t attr_valid;
	uint32_t attr_valid_nsec, dummy;
	struct fuse_attr attr;
};
struct fuse_getattr_in {
	uint32_t flags, dummy;
	uint64_t fh;
};

enum fuse_setattr_field {
	FATTR_MODE = 1 << 0,
	FATTR_UID = 1 << 1,
	FATTR_GID = 1 << 2,
	FATTR_SIZE = 1 << 3,
	FATTR_ATIME = 1 << 4,
	FATTR_MTIME = 1 << 5,
	FATTR_FH = 1 << 6,
	FATTR_ATIME_NOW = 1 << 7,
	FATTR_MTIME_NOW = 1 << 8,
};
struct fuse_setattr_in {
	uint32_t valid, padding;
	uint64_t fh, size, lock_owner;
	uint64_t atime, mtime, ctime;
	uint32_t atimensec, mtimensec, ctimensec;
	uint32_t mode, unused4, uid, gid, unused5;
};

struct fuse_open_in {
	uint32_t flags, open_flags;
};
struct fuse_open_out {
	uint64_t fh;
	uint32_t open_flags, padding;
};
struct fuse_create_in {
	uint32_t flags, mode, umask, open_flags;
};
struct fuse_create_out {
	struct fuse_entry_out entry;
	struct fuse_open_out open;
};
struct fuse_release_in {
	uint64_t fh;
	uint32_t flags, release_flags;
	uint64_t lock_owner;
};
struct fuse_io_in { /* READ, READDIR, WRITE */
	uint64_t fh, offset;
	uint32_t size, io_flags;
	uint64_t lock_owner;
	uint32_t flags, padding;
};
struct fuse_write_out {
	uint32_t size, padding;
};
struct fuse_fsync_in {
	uint64_t fh;
	uint32_t flags, padding;
};
struct fuse_mkdir_in {
	uint32_t mode, umask;
};
struct fuse_rename2_in {
	uint64_t newdir;
	uint32_t flags, padding;
};
struct fuse_statfs_out {
	uint64_t blocks, bfree, bavail, files, ffree;
	uint32_t bsize, namelen, frsize, padding, spare[6];
};
struct fuse_dirent { /* the name follows; the next entry is at a multiple of 8 */
	uint64_t ino, off;
	uint32_t namelen, type;
};

enum fuse_mapping_flag { FUSE_MAPPING_WRITE = 1, FUSE_MAPPING_READ = 2 };
struct fuse_setupmapping_in {
	uint64_t fh, foffset, len, flags, moffset;
};
struct fuse_removemapping_in { /* of one mapping; they follow the count unpadded */
	uint32_t count;
	uint64_t moffset, len;
} __attribute__((packed));

_Static_assert(sizeof(struct fuse_init_out) == 64, "FUSE");
_Static_assert(sizeof(struct fuse_attr) == 88, "FUSE");
_Static_assert(sizeof(struct fuse_entry_out) == 128, "FUSE");
_Static_assert(sizeof(struct fuse_setattr_in) == 88, "FUSE");
_Static_assert(sizeof(struct fuse_io_in) == 40, "FUSE");
_Static_assert(sizeof(struct fuse_statfs_out) == 80, "FUSE");

#endif
