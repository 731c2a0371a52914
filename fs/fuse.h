/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A folder of the host's by FUSE over virtio-fs, as a file system ("virtiofs"):
 *
 *	fuse.c		the session with the host, mounting
 *	fuse_inode.c	inodes, their attributes, links
 *	fuse_data.c	opening, reading, writing
 *	fuse_names.c	changing directories
 *	fuse_list.c	listing them
 *	fuse_dax.c	reading through the window (fuse_dax.h)
 *
 * A session ends when the device is reset: what the host knew of inodes and open files is
 * lost. The next call begins a new one (INIT). The root is found again; other inodes of
 * the old session answer ESTALE, and are looked up anew when their path is walked.
 *
 * The host and other guests change the files too. Nothing of the data is kept; names and
 * attributes are trusted as long as the host allows. */

#ifndef FS_FUSE_H
#define FS_FUSE_H

#include <fs/fs.h>
#include <fs/fuse_protocol.h>
#include <kernel/sync.h>
#include <virtio/device/fs.h>

struct fuse_dax;

struct fuse {
	struct fs fs; /* must be first */
	struct virtio_fs *device;
	struct mutex mutex; /* held over INIT; over finding and making an inode */
	bool begun;	    /* INIT was done, in this session (atomic): */
	unsigned session;   /* atomic */
	uint32_t max_write, max_read; /* bytes of payload; atomic words, INIT writes */
	uint32_t map_alignment;	      /* of mappings: 2 to this many bytes */
	bool no_syncfs;		      /* the host knows no SYNCFS */
	bool ended;		      /* unmounted; atomic */
	unsigned inodes;	      /* in memory; atomic */
	struct fuse_inode *root;
	uint64_t root_number; /* its inode number on the host */
	struct fuse_dax *dax; /* NULL: there is no window */
};

/* What a file is open for on the host. */
enum fuse_access { FUSE_FOR_READING, FUSE_FOR_WRITING, FUSE_ACCESSES };

struct fuse_inode {
	struct inode inode; /* must be first */
	uint64_t nodeid;
	uint64_t lookups; /* atomic: how often the host counted it for us */
	unsigned session; /* that nodeid and handles are of; the root's: atomic */

	struct spinlock lock;
	struct fuse_attr attr;	  /* under lock */
	uint64_t attr_until_ns;	  /* under lock; 0: asks again */
	unsigned attr_generation; /* under lock: counts changes of ours */

	/* Opened when first needed, closed when the inode leaves memory. Set under the
	 * mutex of fuse, then has_handle. A directory's is for reading. */
	uint64_t handles[FUSE_ACCESSES];
	bool has_handle[FUSE_ACCESSES]; /* atomic */
	bool created;			/* the handle for writing reads as well */
};

static inline struct fuse *fuse_of(const struct inode *inode)
{
	return (struct fuse *)inode->fs;
}
static inline struct fuse_inode *fuse_node(const struct inode *inode)
{
	return (struct fuse_inode *)inode;
}
static inline unsigned fuse_session(const struct fuse_inode *node)
{
	return __atomic_load_n(&node->session, __ATOMIC_ACQUIRE);
}

/* fuse.c */
/* Sees that there is a session; -EIO, -ENODEV. */
int fuse_ready(struct fuse *fuse);
/* A call about an inode; answers shorter than reply_bytes are -EIO. */
int fuse_call(struct fuse_inode *node, struct virtio_fs_call *call);
extern const struct fs_operations fuse_type;

/* fuse_inode.c */
struct fuse_inode *fuse_root_make(struct fuse *fuse);
/* The inode of an answer that counted a lookup, with a reference. */
int fuse_inode_of(struct fuse *fuse, const struct fuse_entry_out *entry, unsigned session,
		  struct inode **out);
/* What is known of a file's attributes is old. */
void fuse_attr_forget(struct fuse_inode *node);
int fuse_attr_get(struct fuse_inode *node, struct fuse_attr *out);
/* Takes the attributes of the root from the host, whatever is known. */
int fuse_root_check(struct fuse_inode *root);
int fuse_lookup(struct inode *directory, const char *name, size_t length,
		struct inode **out);
void fuse_forget(struct inode *inode);
int fuse_stat(struct inode *inode, struct stat *out);
int fuse_set(struct inode *inode, const struct fs_attributes *attributes);
int fuse_truncate(struct inode *inode, uint64_t bytes);
ssize_t fuse_readlink(struct inode *inode, char *out, size_t bytes);

/* fuse_data.c */
int fuse_handle(struct fuse_inode *node, enum fuse_access access, uint64_t *out);
void fuse_handle_set(struct fuse_inode *node, enum fuse_access access, uint64_t handle);
/* Of that session only: a new one is not begun for it. */
void fuse_release(struct fuse *fuse, unsigned session, uint64_t nodeid, bool directory,
		  uint64_t handle);
int fuse_open(struct inode *inode, int access);
ssize_t fuse_read(struct inode *inode, void *out, size_t bytes, uint64_t offset);
ssize_t fuse_write(struct inode *inode, const void *in, size_t bytes, uint64_t offset);
int fuse_sync_file(struct inode *inode);

/* fuse_names.c */
int fuse_create(struct inode *directory, const char *name, size_t length, mode_t mode,
		struct inode **out);
int fuse_mkdir(struct inode *directory, const char *name, size_t length, mode_t mode);
int fuse_unlink(struct inode *directory, const char *name, size_t length);
int fuse_rmdir(struct inode *directory, const char *name, size_t length);
int fuse_rename(struct inode *from, const char *name, size_t length, struct inode *to,
		const char *to_name, size_t to_length);
int fuse_symlink(struct inode *directory, const char *name, size_t length,
		 const char *target, size_t target_length);
int fuse_link(struct inode *inode, struct inode *directory, const char *name,
	      size_t length);

/* fuse_list.c */
int fuse_entries(struct inode *directory, uint64_t offset, fs_entry_visitor visit,
		 void *context);

#endif
