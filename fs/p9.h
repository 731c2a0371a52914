/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A folder of the host's by 9P2000.L, as a file system ("9p"):
 *
 *	p9.c		the session with the host, fids, mounting
 *	p9_inode.c	inodes, their attributes, links
 *	p9_data.c	opening, reading, writing
 *	p9_names.c	changing directories, listing them
 *
 * A session ends when the device is reset: all fids are lost. The next call attaches
 * again; the root is found again, other inodes of the old session answer ESTALE, and are
 * looked up anew when their path is walked.
 *
 * The host changes the files too. No data or attributes are kept, names for a second.
 *
 * To the host a fid is a path, so what is removed can be read and written while it is
 * open, but has no attributes any more (ENOENT). */

#ifndef FS_P9_H
#define FS_P9_H

#include <fs/fs.h>
#include <kernel/sync.h>
#include <virtio/device/p9.h>

struct p9 {
	struct fs fs; /* must be first */
	struct virtio_p9 *device;
	struct mutex mutex; /* held over attaching; over finding and making an inode */
	bool begun;	    /* attached, in this session (atomic): */
	unsigned session;   /* atomic */
	uint32_t msize;	    /* atomic word, attaching writes */
	bool ended;	    /* unmounted; atomic */
	unsigned inodes;    /* in memory; atomic */
	struct p9_inode *root;

	/* Fids that are free: those given back, then all from next_fid on. */
	struct spinlock fids_lock;
	uint32_t *free_fids;
	uint32_t free_count, free_room, next_fid;
	unsigned fids_session; /* that they are of; under fids_lock */
};

enum p9_access { P9_FOR_READING, P9_FOR_WRITING, P9_ACCESSES };

struct p9_inode {
	struct inode inode; /* must be first */
	uint32_t fid;	    /* not opened */
	unsigned session;   /* that all fids here are of; the root's: atomic */

	/* Fids that are opened: when first needed, until the inode leaves memory. Set
	 * under the mutex of p9, then has_open. A directory's is for reading. */
	uint32_t open[P9_ACCESSES];
	bool has_open[P9_ACCESSES]; /* atomic */
	bool created;		    /* the one for writing reads as well */
};

/* What the host says of a file. */
struct p9_attr {
	uint64_t number, size, links, blocks, block_bytes, device;
	uint32_t mode, owner, group;
	struct timespec atime, mtime, ctime;
};

struct p9_qid {
	uint8_t type;
	uint64_t path;
};
#define P9_QID_DIRECTORY 0x80

static inline struct p9 *p9_of(const struct inode *inode)
{
	return (struct p9 *)inode->fs;
}
static inline struct p9_inode *p9_node(const struct inode *inode)
{
	return (struct p9_inode *)inode;
}
static inline unsigned p9_session(const struct p9_inode *node)
{
	return __atomic_load_n(&node->session, __ATOMIC_ACQUIRE);
}

/* p9.c */
/* Sees that there is a session; -EIO, -ENODEV. */
int p9_ready(struct p9 *p9);
/* Begins a call about an inode: its session, and its fid as the first field. */
int p9_begin(struct p9_inode *node, struct p9_call *call);
/* The same with any fid of that session. */
int p9_begin_fid(struct p9 *p9, unsigned session, uint32_t fid, struct p9_call *call);
int p9_end(struct p9_call *call); /* submits and finishes */
uint32_t p9_fid_new(struct p9 *p9);
/* The host does not know it. */
void p9_fid_free(struct p9 *p9, unsigned session, uint32_t fid);
void p9_clunk(struct p9 *p9, unsigned session, uint32_t fid);
struct p9_qid p9_get_qid(struct p9_call *call);
extern const struct fs_operations p9_type;

/* p9_inode.c */
struct p9_inode *p9_root_make(struct p9 *p9, uint64_t number, uint32_t fid);
/* A new fid for `name` in the directory (NULL: for the inode itself), of that session: fids
 * of one mean other files in the next. */
int p9_walk(struct p9_inode *from, unsigned session, const char *name, size_t length,
	    uint32_t *fid, struct p9_qid *qid);
int p9_getattr(struct p9 *p9, unsigned session, uint32_t fid, struct p9_attr *out);
int p9_lookup(struct inode *directory, const char *name, size_t length,
	      struct inode **out);
void p9_forget(struct inode *inode);
int p9_stat(struct inode *inode, struct stat *out);
int p9_set(struct inode *inode, const struct fs_attributes *attributes);
int p9_truncate(struct inode *inode, uint64_t bytes);
ssize_t p9_readlink(struct inode *inode, char *out, size_t bytes);

/* p9_data.c */
int p9_opened(struct p9_inode *node, enum p9_access access, uint32_t *fid);
int p9_open(struct inode *inode, int access);
ssize_t p9_read(struct inode *inode, void *out, size_t bytes, uint64_t offset);
ssize_t p9_write(struct inode *inode, const void *in, size_t bytes, uint64_t offset);
int p9_sync_file(struct inode *inode);

/* p9_names.c */
int p9_create(struct inode *directory, const char *name, size_t length, mode_t mode,
	      struct inode **out);
int p9_mkdir(struct inode *directory, const char *name, size_t length, mode_t mode);
int p9_unlink(struct inode *directory, const char *name, size_t length);
int p9_rmdir(struct inode *directory, const char *name, size_t length);
int p9_rename(struct inode *from, const char *name, size_t length, struct inode *to,
	      const char *to_name, size_t to_length);
int p9_symlink(struct inode *directory, const char *name, size_t length,
	       const char *target, size_t target_length);
int p9_link(struct inode *inode, struct inode *directory, const char *name,
	    size_t length);
int p9_entries(struct inode *directory, uint64_t offset, fs_entry_visitor visit,
	       void *context);

#endif
