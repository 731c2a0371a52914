/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The file tree: the inodes in memory, and walking along paths. */

#include <errno.h>
#include <string.h>
#include <fs/fs.h>
#include <fs/names.h>
#include <fs/tree.h>
#include <kernel/heap.h>
#include <kernel/lock.h>

#define SYMLINKS_MAX  40 /* in one walk (path_resolution(7), ELOOP) */
#define INODE_BUCKETS 256

static struct spinlock inodes_lock;
static struct inode *inodes[INODE_BUCKETS]; /* under inodes_lock */

static struct inode **inode_bucket(const struct fs *fs, uint64_t number)
{
	return &inodes[(number + ((uintptr_t)fs >> 6)) % INODE_BUCKETS];
}

struct inode *fs_inode_get(struct inode *inode)
{
	__atomic_fetch_add(&inode->references, 1, __ATOMIC_RELAXED);
	return inode;
}

struct inode *fs_inode_find(struct fs *fs, uint64_t number)
{
	unsigned long flags = spin_lock(&inodes_lock);
	struct inode *inode = *inode_bucket(fs, number);

	while (inode && (inode->fs != fs || inode->number != number))
		inode = inode->hash_next;
	if (inode)
		fs_inode_get(inode);
	spin_unlock(&inodes_lock, flags);
	return inode;
}

void fs_inode_add(struct inode *inode)
{
	unsigned long flags = spin_lock(&inodes_lock);
	struct inode **bucket = inode_bucket(inode->fs, inode->number);

	inode->references = 1;
	inode->hash_next = *bucket;
	*bucket = inode;
	spin_unlock(&inodes_lock, flags);
}

void fs_inode_put(struct inode *inode)
{
	unsigned references = __atomic_load_n(&inode->references, __ATOMIC_RELAXED);
	unsigned long flags;
	struct inode **link;

	while (references > 1)
		if (__atomic_compare_exchange_n(&inode->references, &references,
						references - 1, false, __ATOMIC_RELEASE,
						__ATOMIC_RELAXED))
			return;
	/* The last one goes under the lock: nobody finds the inode meanwhile. */
	flags = spin_lock(&inodes_lock);
	if (__atomic_sub_fetch(&inode->references, 1, __ATOMIC_ACQ_REL)) {
		spin_unlock(&inodes_lock, flags);
		return;
	}
	link = inode_bucket(inode->fs, inode->number);
	while (*link && *link != inode)
		link = &(*link)->hash_next;
	if (*link)
		*link = inode->hash_next;
	spin_unlock(&inodes_lock, flags);
	inode->fs->operations->forget(inode);
}

/* One step down, by a name in kernel memory. */
static int step_down(struct inode *directory, const char *name, size_t length,
		     struct inode **out)
{
	const struct mount *mount = fs_mount_at(directory, name, length);
	unsigned long generation;
	int error;

	if (mount) {
		*out = fs_inode_get(mount->root);
		return 0;
	}
	error = fs_names_find(directory, name, length, out);
	if (error <= 0)
		return error;
	generation = fs_names_generation();
	error = directory->fs->operations->lookup(directory, name, length, out);
	if (!error || error == -ENOENT)
		fs_names_add(directory, name, length, error ? NULL : *out, generation);
	return error;
}

/* One step up; at a mounted root, to what holds it. */
static int step_up(struct inode *directory, struct inode **out)
{
	const struct mount *mount = fs_mount_of_root(directory);

	if (mount) {
		*out = fs_inode_get(mount->parent ? mount->parent : directory);
		return 0;
	}
	return step_down(directory, "..", 2, out);
}

/* A walk in progress. */
struct walk {
	struct inode *at; /* with a reference */
	const char *path; /* what is left: path[0 .. length) */
	size_t length;
	char *expanded; /* the path with a link's target put in, from the heap */
	unsigned symlinks;
};

/* Goes on with the target of `link` and then with what is left. */
static int follow(struct walk *walk, struct inode *link)
{
	char *target;
	ssize_t bytes;

	if (++walk->symlinks > SYMLINKS_MAX)
		return -ELOOP;
	if (!link->fs->operations->readlink)
		return -EINVAL;
	if (walk->length > FS_PATH_MAX)
		return -ENAMETOOLONG;
	target = kmalloc(FS_PATH_MAX + walk->length);
	if (!target)
		return -ENOMEM;
	bytes = link->fs->operations->readlink(link, target, FS_PATH_MAX);
	if (bytes <= 0) {
		kfree(target);
		return bytes ? (int)bytes : -ENOENT;
	}
	memcpy(target + bytes, walk->path, walk->length);
	walk->length += (size_t)bytes;
	walk->path = target;
	kfree(walk->expanded);
	walk->expanded = target;
	if (target[0] == '/') {
		fs_inode_put(walk->at);
		walk->at = fs_root();
	}
	return 0;
}

/* Cuts the next component off the path into name; its length, 0 at the end. */
static int next_component(struct walk *walk, char *name)
{
	size_t length = 0;

	while (walk->length && *walk->path == '/') {
		walk->path++;
		walk->length--;
	}
	while (length < walk->length && walk->path[length] != '/') {
		if (length == FS_NAME_MAX)
			return -ENAMETOOLONG;
		name[length] = walk->path[length];
		length++;
	}
	name[length] = '\0';
	walk->path += length;
	walk->length -= length;
	return (int)length;
}

static int step(struct walk *walk, const char *name, size_t length, bool follow_last)
{
	struct inode *next;
	int error;

	if (!S_ISDIR(walk->at->mode))
		return -ENOTDIR;
	if (length == 1 && name[0] == '.')
		return 0;
	if (length == 2 && name[0] == '.' && name[1] == '.')
		error = step_up(walk->at, &next);
	else
		error = step_down(walk->at, name, length, &next);
	if (error)
		return error;
	if (S_ISLNK(next->mode) && (walk->length || follow_last)) {
		error = follow(walk, next);
		fs_inode_put(next);
		return error;
	}
	fs_inode_put(walk->at);
	walk->at = next;
	return 0;
}

static int walk_path(struct inode *base, const char *path, size_t length,
		     bool follow_last, struct inode **out)
{
	char name[FS_NAME_MAX + 1];
	struct walk walk = { .path = path, .length = length };
	bool slash_last = length && path[length - 1] == '/';
	int error = 0, count;

	if (length >= FS_PATH_MAX)
		return -ENAMETOOLONG;
	walk.at = base && !(length && path[0] == '/') ? fs_inode_get(base) : fs_root();
	if (!walk.at)
		return -ENOENT;
	while (!error && (count = next_component(&walk, name)))
		error = count < 0 ? count : step(&walk, name, (size_t)count, follow_last);
	if (!error && slash_last && !S_ISDIR(walk.at->mode))
		error = -ENOTDIR;
	kfree(walk.expanded);
	if (error)
		fs_inode_put(walk.at);
	else
		*out = walk.at;
	return error;
}

int fs_resolve(struct inode *base, const char *path, bool follow_last, struct inode **out)
{
	size_t length = strnlen(path, FS_PATH_MAX);

	return length ? walk_path(base, path, length, follow_last, out) : -ENOENT;
}

int fs_resolve_parent(struct inode *base, const char *path, struct inode **directory,
		      const char **name, size_t *length)
{
	size_t end = strnlen(path, FS_PATH_MAX), start;
	int error;

	if (!end)
		return -ENOENT;
	if (end == FS_PATH_MAX)
		return -ENAMETOOLONG;
	while (end && path[end - 1] == '/')
		end--;
	for (start = end; start && path[start - 1] != '/'; start--)
		;
	if (end - start > FS_NAME_MAX)
		return -ENAMETOOLONG;
	error = walk_path(base, path, start, true, directory);
	if (error)
		return error;
	if (!S_ISDIR((*directory)->mode)) {
		fs_inode_put(*directory);
		return -ENOTDIR;
	}
	*name = path + start;
	*length = end - start;
	return 0;
}

/* What getcwd looks for in a parent directory. */
struct name_search {
	uint64_t number;
	char *name;
	size_t length; /* 0: not found */
};

static bool search_visit(void *context, const char *name, size_t length, uint64_t inode,
			 unsigned type, uint64_t next_offset)
{
	struct name_search *search = context;

	(void)type;
	(void)next_offset;
	if (inode != search->number || length > FS_NAME_MAX ||
	    (length <= 2 && memcmp(name, "..", length) == 0))
		return true;
	memcpy(search->name, name, length);
	search->length = length;
	return false;
}

/* The name of `directory` in its parent, which is returned with a reference. */
static int name_in_parent(struct inode *directory, struct inode **parent, char *name)
{
	const struct mount *mount = fs_mount_of_root(directory);
	struct name_search search = { directory->number, name, 0 };
	int error = step_up(directory, parent);

	if (error)
		return error;
	if (mount) {
		memcpy(name, mount->name, mount->length);
		return (int)mount->length;
	}
	error = directory->fs->operations->entries(*parent, 0, search_visit, &search);
	if (!error && !search.length)
		error = -ENOENT; /* it was removed */
	if (error)
		fs_inode_put(*parent);
	return error ? error : (int)search.length;
}

int fs_path_of(struct inode *directory, char *out, size_t bytes)
{
	struct inode *at = fs_inode_get(directory), *root = fs_root(), *parent;
	char name[FS_NAME_MAX];
	size_t start = bytes;
	int length = 0;

	if (!bytes) {
		length = -ERANGE;
		goto out;
	}
	out[--start] = '\0';
	while (at != root) {
		length = name_in_parent(at, &parent, name);
		if (length < 0)
			goto out;
		fs_inode_put(at);
		at = parent;
		if ((size_t)length + 1 > start) {
			length = -ERANGE;
			goto out;
		}
		start -= (size_t)length;
		memcpy(out + start, name, (size_t)length);
		out[--start] = '/';
	}
	if (start == bytes - 1) {
		if (!start) {
			length = -ERANGE;
			goto out;
		}
		out[--start] = '/';
	}
	memmove(out, out + start, bytes - start);
	length = 0;
out:
	fs_inode_put(at);
	fs_inode_put(root);
	return length;
}
