/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the files of the ext4 file system share. */

#ifndef FS_EXT4_PRIVATE_H
#define FS_EXT4_PRIVATE_H

#include <fs/ext4_disk.h>
#include <fs/fs.h>
#include <kernel/sync.h>

struct ext4 {
	struct fs fs; /* must be first */
	ext2_filsys ext2;
	/* libext2fs is not thread-safe: all calls into it, and what it changes, are under
	 * this mutex. Taken after an inode's own. */
	struct mutex mutex;
	struct ext4_disk *disk;
	uint32_t block_bytes;
	unsigned inodes;	    /* in memory; under mutex */
	struct ext4_inode *removed; /* open without a name; under mutex */
	bool changed; /* the disk says that it is in use; atomic, set under mutex */
};

/* Consecutive blocks of a file that lie together on the disk. */
struct ext4_run {
	uint64_t logical, physical, blocks;
	bool hole; /* reads as zeroes */
};

struct ext4_inode {
	struct inode inode;	     /* must be first */
	struct ext2_inode_large raw; /* as on disk; under the mount's mutex */
	uint64_t size;		     /* atomic; changed under data */
	struct mutex data;	     /* pages come from and go to the disk */
	struct fs_page_owner pages;
	uint64_t next_page;  /* where a sequential reader goes on; under data */
	unsigned window;     /* pages read ahead; under data */
	struct ext4_run run; /* last one found; under the mount's mutex */
	/* No name left: freed with the last reference. Both under the mount's mutex. */
	bool removed;
	struct ext4_inode *removed_next;
};

static inline struct ext4 *ext4_of(const struct inode *inode)
{
	return (struct ext4 *)inode->fs;
}

static inline struct ext4_inode *ext4_node(struct inode *inode)
{
	return (struct ext4_inode *)inode;
}

static inline uint64_t ext4_size(const struct ext4_inode *node)
{
	return __atomic_load_n(&node->size, __ATOMIC_ACQUIRE);
}

static inline struct ext2_inode *ext4_raw(struct ext4_inode *node)
{
	return (struct ext2_inode *)&node->raw;
}

/* ext4.c: a libext2fs error as a negative errno. */
int ext4_errno(errcode_t error);
/* Before the first change: reads the bitmaps, and marks the disk as being in use. */
int ext4_begin_change(struct ext4 *ext4);

/* ext4_inode.c */
struct inode *ext4_root(struct fs *fs);
void ext4_forget(struct inode *inode);
int ext4_stat(struct inode *inode, struct stat *out);
ssize_t ext4_readlink(struct inode *inode, char *out, size_t bytes);
/* The inode of a number, with a reference. Under the mount's mutex. */
int ext4_get(struct ext4 *ext4, ext2_ino_t number, struct inode **out);
/* Reads the inode again after libext2fs changed it, or writes it after we did. */
int ext4_reload(struct ext4 *ext4, struct ext4_inode *node);
int ext4_store(struct ext4 *ext4, struct ext4_inode *node);

/* ext4_data.c: the run that holds a block, from that block on. Under the mount's mutex. */
int ext4_find_run(struct ext4 *ext4, struct ext4_inode *node, uint64_t block,
		  struct ext4_run *out);
/* Where byte `offset` of the file is on the disk, and how many bytes from there on. */
int ext4_locate(struct ext4 *ext4, struct ext4_inode *node, uint64_t offset,
		uint64_t *place, uint64_t *bytes, bool *hole);
ssize_t ext4_read(struct inode *inode, void *out, size_t bytes, uint64_t offset);
/* A page of the file with a reference; under node->data. `want`: how many from there on
 * will be needed. */
int ext4_fill(struct ext4_inode *node, uint64_t index, uint64_t want,
	      struct fs_page **out);

/* ext4_directory.c */
int ext4_lookup(struct inode *directory, const char *name, size_t length,
		struct inode **out);
int ext4_entries(struct inode *directory, uint64_t offset, fs_entry_visitor visit,
		 void *context);

/* ext4_write.c */
ssize_t ext4_write(struct inode *inode, const void *in, size_t bytes, uint64_t offset);
int ext4_truncate(struct inode *inode, uint64_t bytes);
/* Frees the blocks from the file's block `first` on. Under the mount's mutex. */
int ext4_punch(struct ext4 *ext4, struct ext4_inode *node, uint64_t first);

/* ext4_names.c, ext4_remove.c, ext4_rename.c */
int ext4_create(struct inode *directory, const char *name, size_t length, mode_t mode,
		struct inode **out);
int ext4_mkdir(struct inode *directory, const char *name, size_t length, mode_t mode);
int ext4_unlink(struct inode *directory, const char *name, size_t length);
int ext4_rmdir(struct inode *directory, const char *name, size_t length);
int ext4_rename(struct inode *from, const char *name, size_t length, struct inode *to,
		const char *to_name, size_t to_length);
/* Gives the blocks and the number of an inode without names back, if it is one. Under the
 * mount's mutex. */
int ext4_release_inode(struct ext4 *ext4, struct ext4_inode *node);

#endif
