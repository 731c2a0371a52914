/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Changes of the tree: refused where they must be, and told to the name cache. */

#include <errno.h>
#include <string.h>
#include <fs/fs.h>
#include <fs/names.h>
#include <fs/tree.h>

/* A name copied out of the application's memory, where caches may look at it under
 * their locks. */
struct name_copy {
	char text[FS_NAME_MAX + 1];
};

/* What all changes check: a directory that can be written, a proper name. */
static int begin(const struct inode *directory, const char *name, size_t length,
		 bool possible, struct name_copy *copy)
{
	if (!S_ISDIR(directory->mode))
		return -ENOTDIR;
	if (length > FS_NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(copy->text, name, length);
	copy->text[length] = '\0';
	if (directory->fs->read_only || !possible)
		return -EROFS;
	return fs_is_mount_point(directory, copy->text, length) ? -EBUSY : 0;
}

static bool is_dots(const char *name, size_t length)
{
	return length == 0 || (length == 1 && name[0] == '.') ||
	       (length == 2 && name[0] == '.' && name[1] == '.');
}

int fs_create(struct inode *directory, const char *name, size_t length, mode_t mode,
	      struct inode **out)
{
	const struct fs_operations *operations = directory->fs->operations;
	struct name_copy copy;
	int error = begin(directory, name, length, operations->create, &copy);

	if (error)
		return error;
	if (is_dots(copy.text, length))
		return -EISDIR;
	error = operations->create(directory, copy.text, length, mode, out);
	fs_names_drop(directory, copy.text, length);
	return error;
}

int fs_mkdir(struct inode *directory, const char *name, size_t length, mode_t mode)
{
	const struct fs_operations *operations = directory->fs->operations;
	struct name_copy copy;
	int error = begin(directory, name, length, operations->mkdir, &copy);

	if (is_dots(name, length) || error == -EBUSY)
		return -EEXIST;
	if (error)
		return error;
	error = operations->mkdir(directory, copy.text, length, mode);
	fs_names_drop(directory, copy.text, length);
	return error;
}

int fs_unlink(struct inode *directory, const char *name, size_t length)
{
	const struct fs_operations *operations = directory->fs->operations;
	struct name_copy copy;
	int error = begin(directory, name, length, operations->unlink, &copy);

	if (error)
		return error;
	if (is_dots(copy.text, length))
		return -EISDIR;
	error = operations->unlink(directory, copy.text, length);
	fs_names_drop(directory, copy.text, length);
	return error;
}

int fs_rmdir(struct inode *directory, const char *name, size_t length)
{
	const struct fs_operations *operations = directory->fs->operations;
	struct name_copy copy;
	int error = begin(directory, name, length, operations->rmdir, &copy);

	if (error)
		return error;
	if (is_dots(copy.text, length)) /* rmdir(2) */
		return length == 1 ? -EINVAL : length == 2 ? -ENOTEMPTY : -EBUSY;
	/* The names under it hold it in memory: they must go first. */
	fs_names_drop_all();
	error = operations->rmdir(directory, copy.text, length);
	fs_names_drop_all();
	return error;
}

int fs_rename(struct inode *from, const char *name, size_t length, struct inode *to,
	      const char *to_name, size_t to_length)
{
	const struct fs_operations *operations = from->fs->operations;
	struct name_copy copy, to_copy;
	int error = begin(from, name, length, operations->rename, &copy);

	if (!error)
		error = begin(to, to_name, to_length, operations->rename, &to_copy);
	if (error)
		return error;
	if (from->fs != to->fs)
		return -EXDEV;
	if (is_dots(copy.text, length) || is_dots(to_copy.text, to_length))
		return -EBUSY;
	error = operations->rename(from, copy.text, length, to, to_copy.text, to_length);
	fs_names_drop_all(); /* a directory may have moved: its ".." is remembered too */
	return error;
}

int fs_symlink(struct inode *directory, const char *name, size_t length,
	       const char *target, size_t target_length)
{
	const struct fs_operations *operations = directory->fs->operations;
	struct name_copy copy;
	int error = begin(directory, name, length, true, &copy);

	if (is_dots(name, length) || error == -EBUSY)
		return -EEXIST;
	if (error)
		return error;
	if (!operations->symlink) /* symlink(2) */
		return -EPERM;
	error = operations->symlink(directory, copy.text, length, target, target_length);
	fs_names_drop(directory, copy.text, length);
	return error;
}

int fs_link(struct inode *inode, struct inode *directory, const char *name, size_t length)
{
	const struct fs_operations *operations = directory->fs->operations;
	struct name_copy copy;
	int error = begin(directory, name, length, true, &copy);

	if (is_dots(name, length) || error == -EBUSY)
		return -EEXIST;
	if (error)
		return error;
	if (inode->fs != directory->fs)
		return -EXDEV;
	if (S_ISDIR(inode->mode) || !operations->link) /* link(2) */
		return -EPERM;
	error = operations->link(inode, directory, copy.text, length);
	fs_names_drop(directory, copy.text, length);
	return error;
}

int fs_set(struct inode *inode, const struct fs_attributes *attributes)
{
	if (inode->fs->read_only)
		return -EROFS;
	if (!inode->fs->operations->set)
		return -ENOTSUP;
	if (!attributes->set)
		return 0;
	return inode->fs->operations->set(inode, attributes);
}
