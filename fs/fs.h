/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The file tree: mounted file systems, paths, and what each file system offers.
 *
 * Inodes are the file system's objects, reference counted by the tree. All operations run
 * in threads and may sleep; a file system serialises itself with its own mutex. Errors
 * are negative errnos. */

#ifndef FS_FS_H
#define FS_FS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/types.h>
#include <kernel/linkset.h>

struct fs;
struct inode;

struct inode {
	struct fs *fs;
	uint64_t number;     /* unique in its file system */
	mode_t mode;	     /* type and permissions */
	unsigned references; /* tree.c's */
	struct inode *hash_next;
};

/* Whether the type that a medium or a host says is one of a file at all. */
static inline bool fs_is_kind(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return true;
	}
	return false;
}

/* Attributes to change; `set` says which. */
enum fs_attribute {
	FS_MODE = 1,
	FS_OWNER = 2,
	FS_GROUP = 4,
	FS_ATIME = 8,
	FS_MTIME = 16
};
struct fs_attributes {
	unsigned set;
	mode_t mode; /* permissions */
	uid_t owner;
	gid_t group;
	struct timespec atime, mtime;
};

/* What getdents gets per entry; false: stop, no room. */
typedef bool (*fs_entry_visitor)(void *context, const char *name, size_t length,
				 uint64_t inode, unsigned type, uint64_t next_offset);

struct fs_operations {
	const char *name; /* "ext4", "initrd" */
	/* Mounts what `source` names (a disk, or nothing); *out gets the mounted system. */
	int (*mount)(const char *source, bool read_only, struct fs **out);
	void (*unmount)(struct fs *fs);
	struct inode *(*root)(struct fs *fs); /* with a reference */
	/* 0 and *out with a reference, or -ENOENT, -EIO … `name` is one component. */
	int (*lookup)(struct inode *directory, const char *name, size_t length,
		      struct inode **out);
	void (*forget)(struct inode *inode); /* last reference gone: free it */
	int (*stat)(struct inode *inode, struct stat *out);
	/* Whether the file can be opened so (O_RDONLY …); NULL: all can. */
	int (*open)(struct inode *inode, int access);
	/* Bytes read, 0 at the end. */
	ssize_t (*read)(struct inode *inode, void *out, size_t bytes, uint64_t offset);
	ssize_t (*write)(struct inode *inode, const void *in, size_t bytes,
			 uint64_t offset);
	int (*truncate)(struct inode *inode, uint64_t bytes);
	int (*sync)(struct fs *fs);
	int (*sync_file)(struct inode *inode); /* NULL: sync() of everything */
	int (*entries)(struct inode *directory, uint64_t offset, fs_entry_visitor visit,
		       void *context);
	ssize_t (*readlink)(struct inode *inode, char *out, size_t bytes);
	int (*statfs)(struct fs *fs, struct statfs *out);
	/* Changing the tree; NULL: -EROFS, or for the last three -EPERM and -ENOTSUP. */
	int (*create)(struct inode *directory, const char *name, size_t length,
		      mode_t mode, struct inode **out);
	int (*mkdir)(struct inode *directory, const char *name, size_t length,
		     mode_t mode);
	int (*unlink)(struct inode *directory, const char *name, size_t length);
	int (*rmdir)(struct inode *directory, const char *name, size_t length);
	int (*rename)(struct inode *from, const char *name, size_t length,
		      struct inode *to, const char *to_name, size_t to_length);
	int (*symlink)(struct inode *directory, const char *name, size_t length,
		       const char *target, size_t target_length);
	int (*link)(struct inode *inode, struct inode *directory, const char *name,
		    size_t length);
	int (*set)(struct inode *inode, const struct fs_attributes *attributes);
};
#define FS_TYPE(object) LINKSET_ENTRY(fs_types, object)

struct fs {
	const struct fs_operations *operations;
	bool read_only;
	char source[40];
	/* Others change it too: how long a name that was found may be remembered (names
	 * that are not there are not remembered then). 0: only we change it. */
	uint64_t names_ns;
#define FS_NAMES_NEVER 1 /* names_ns of one whose names are not remembered at all */
	void *data;	 /* the file system's */
};

/* Tree operations used by posix/: path walk with symbolic links (at most 40), mount
 * points, "." and "..". `base`: where a relative path starts, NULL: the root. */
int fs_resolve(struct inode *base, const char *path, bool follow_last,
	       struct inode **out);
/* Resolves all but the last component; *name points into path. */
int fs_resolve_parent(struct inode *base, const char *path, struct inode **directory,
		      const char **name, size_t *length);
struct inode *fs_inode_get(struct inode *inode);
void fs_inode_put(struct inode *inode);
/* The absolute path of a directory, for getcwd. */
int fs_path_of(struct inode *directory, char *out, size_t bytes);

/* Changing the tree: the operations of the same names, kept in step with what the tree
 * remembers of names; -EROFS on a read-only file system. */
int fs_create(struct inode *directory, const char *name, size_t length, mode_t mode,
	      struct inode **out);
int fs_mkdir(struct inode *directory, const char *name, size_t length, mode_t mode);
int fs_unlink(struct inode *directory, const char *name, size_t length);
int fs_rmdir(struct inode *directory, const char *name, size_t length);
int fs_rename(struct inode *from, const char *name, size_t length, struct inode *to,
	      const char *to_name, size_t to_length);
int fs_symlink(struct inode *directory, const char *name, size_t length,
	       const char *target, size_t target_length);
int fs_link(struct inode *inode, struct inode *directory, const char *name,
	    size_t length);
int fs_set(struct inode *inode, const struct fs_attributes *attributes);
int fs_sync_all(void);

/* Mounts a file system at a path whose last component need not exist. `where` "/": the
 * root, once. */
int fs_mount(const char *type, const char *source, const char *where, bool read_only);

/* For file systems: the inodes in memory, by number. A file system holds its own mutex
 * over "find, and if there is none make and add". */
struct inode *fs_inode_find(struct fs *fs, uint64_t number); /* a reference, or NULL */
void fs_inode_add(struct inode *inode); /* fs, number and mode are set; one reference */

#define FS_NAME_MAX 255
#define FS_PATH_MAX 4096

#endif
