/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Which file systems are mounted where, and what boot mounts. */

#include <errno.h>
#include <string.h>
#include <ferrule/block.h>
#include <fs/dev.h>
#include <fs/ext4.h>
#include <fs/fs.h>
#include <fs/initrd.h>
#include <fs/tree.h>
#include <kernel/boot_info.h>
#include <kernel/cmdline.h>
#include <kernel/format.h>
#include <kernel/heap.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/sync.h>

CMDLINE_KEY(root,
	    "root file system: a disk (vda) with ext4, initrd, none, or TYPE:SOURCE");
CMDLINE_KEY(rootflags, "ro: mount the root read-only");
CMDLINE_KEY(mount, "TYPE:SOURCE:WHERE[:ro]: one more file system, any number of times");

/* What root= can name is linked in with the tree; other types come with whoever refers to
 * them. */
static const struct fs_operations *const built_in[] = { &ext4_type, &initrd_type,
							&dev_type, &empty_type };

/* Mounts are added under changing, and never removed: read without a lock. */
static struct mount *mounts;
static struct mutex changing;

const struct mount *fs_mount_at(const struct inode *parent, const char *name,
				size_t length)
{
	const struct mount *mount = __atomic_load_n(&mounts, __ATOMIC_ACQUIRE);

	while (mount && (mount->parent != parent || mount->length != length ||
			 memcmp(mount->name, name, length) != 0))
		mount = mount->next;
	return mount;
}

const struct mount *fs_mount_of_root(const struct inode *root)
{
	const struct mount *mount = __atomic_load_n(&mounts, __ATOMIC_ACQUIRE);

	while (mount && mount->root != root)
		mount = mount->next;
	return mount;
}

bool fs_is_mount_point(const struct inode *directory, const char *name, size_t length)
{
	return fs_mount_at(directory, name, length);
}

struct inode *fs_root(void)
{
	const struct mount *mount = fs_mount_at(NULL, "", 0);

	return mount ? fs_inode_get(mount->root) : NULL;
}

int fs_sync_all(void)
{
	int first_error = 0, error;

	for (struct mount *mount = mounts; mount; mount = mount->next) {
		struct fs *fs = mount->root->fs;

		error = fs->operations->sync && !fs->read_only ? fs->operations->sync(fs)
							       : 0;
		if (error && !first_error)
			first_error = error;
	}
	return first_error;
}

LINKSET_DECLARE(fs_types, const struct fs_operations);

static const struct fs_operations *find_type(const char *type)
{
	for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++)
		if (strcmp(built_in[i]->name, type) == 0)
			return built_in[i];
	LINKSET_EACH(fs_types, entry)
	if (strcmp((*entry)->name, type) == 0)
		return *entry;
	return NULL;
}

static int attach(struct fs *fs, const char *where)
{
	struct mount *mount = kzalloc(sizeof(*mount));
	const char *name;
	int error;

	if (!mount)
		return -ENOMEM;
	mount->root = fs->operations->root(fs);
	if (!mount->root) {
		kfree(mount);
		return -EIO;
	}
	if (strcmp(where, "/") != 0) {
		error = fs_resolve_parent(NULL, where, &mount->parent, &name,
					  &mount->length);
		if (!error && !mount->length) {
			fs_inode_put(mount->parent);
			error = -EBUSY;
		}
		if (error) {
			fs_inode_put(mount->root);
			kfree(mount);
			return error;
		}
		memcpy(mount->name, name, mount->length);
	}
	mount->next = mounts;
	__atomic_store_n(&mounts, mount, __ATOMIC_RELEASE);
	return 0;
}

int fs_mount(const char *type, const char *source, const char *where, bool read_only)
{
	const struct fs_operations *operations = find_type(type);
	struct fs *fs = NULL;
	int error;

	if (!operations)
		return -ENODEV;
	mutex_lock(&changing);
	error = strcmp(where, "/") == 0 && fs_mount_at(NULL, "", 0) ? -EBUSY : 0;
	if (!error)
		error = operations->mount(source, read_only, &fs);
	if (!error) {
		error = attach(fs, where);
		if (error)
			operations->unmount(fs);
	}
	mutex_unlock(&changing);
	return error;
}

static bool root_read_only(void)
{
	const char *flags;
	bool read_only = false;

	for (unsigned i = 0; (flags = cmdline_value("rootflags", i)); i++) {
		if (strcmp(flags, "ro") == 0)
			read_only = true;
		else if (strcmp(flags, "rw") != 0)
			log_warn("fs: rootflags=%s is not known (ro, rw)", flags);
	}
	return read_only;
}

static const char *reason(const char *type, int error)
{
	if (!find_type(type))
		return "this image has no such kind of file system (LINK in its app.mk)";
	switch (error) {
	case -ENOENT:
	case -ENODEV:
		return "there is no such disk, module or share";
	case -EINVAL:
		return "it holds no file system of that kind, or a damaged one";
	case -ENOTSUP:
		return "its file system has features that are not supported";
	case -EIO:
		return "it cannot be read";
	case -ENOMEM:
		return "memory has run out";
	case -EBUSY:
		return "something is mounted there";
	case -ENOTDIR:
		return "that is no directory";
	}
	return "error";
}

static bool try_root(const char *type, const char *source)
{
	int error = fs_mount(type, source, "/", root_read_only());

	if (error)
		log_error("fs: cannot mount %s%s%s as root: %s (%d)", type,
			  *source ? " of " : "", source, reason(type, error), -error);
	return !error;
}

/* Without root=: the first disk with ext4 on it, else the first boot module. */
static void find_root(void)
{
	struct ferrule_block_info info;
	struct ferrule_block *disk;
	unsigned disks = 0;

	while ((disk = ferrule_block_at(disks))) {
		bool found;

		disks++;
		ferrule_block_info(disk, &info);
		found = ext4_probe(disk) && try_root("ext4", info.name);
		ferrule_block_release(disk);
		if (found)
			return;
	}
	if (boot_info.module_count && try_root("initrd", ""))
		return;
	if (disks)
		log_warn("fs: no ext4 on any of %u disks, no initrd: the root is empty",
			 disks);
	else
		log_warn("fs: no disk and no initrd: the root is empty");
}

/* root=TYPE:SOURCE, or a disk. */
static bool root_from(const char *text)
{
	const char *source = strchr(text, ':');
	char type[16];

	if (!source)
		return try_root("ext4", strncmp(text, "/dev/", 5) == 0 ? text + 5 : text);
	format(type, sizeof(type), "%.*s", (int)(source - text), text);
	return try_root(type, source + 1);
}

static void mount_root(void)
{
	const char *root = cmdline_value("root", 0);
	bool mounted = false;

	if (!root)
		find_root();
	else if (strcmp(root, "initrd") == 0)
		mounted = try_root("initrd", "");
	else if (strcmp(root, "none") != 0)
		mounted = root_from(root);
	if (root && !mounted && strcmp(root, "none") != 0)
		log_warn("fs: root=%s failed: the root is empty", root);
	if (!fs_mount_at(NULL, "", 0))
		fs_mount("empty", "", "/", true);
}

/* One mount=TYPE:SOURCE:WHERE[:ro]. */
static void mount_from(const char *text)
{
	char copy[256], *part[4] = { copy };
	unsigned parts = 1;
	int error;

	if (strlen(text) >= sizeof(copy)) {
		log_error("fs: mount=%s is too long", text);
		return;
	}
	memcpy(copy, text, strlen(text) + 1);
	for (char *at = copy; parts < 4 && (at = strchr(at, ':')); parts++) {
		*at++ = '\0';
		part[parts] = at;
	}
	if (parts < 3 || (parts == 4 && strcmp(part[3], "ro") != 0)) {
		log_error("fs: mount=%s is not TYPE:SOURCE:WHERE[:ro]", text);
		return;
	}
	error = fs_mount(part[0], part[1], part[2], parts == 4);
	if (error)
		log_error("fs: mount=%s: %s (%d)", text, reason(part[0], error), -error);
}

static void mount_at_boot(void)
{
	const char *text;

	mount_root();
	fs_mount("dev", "", "/dev", false);
	for (unsigned i = 0; (text = cmdline_value("mount", i)); i++)
		mount_from(text);
}
INIT_CALL(INIT_MOUNT, mount_at_boot);

/* At an orderly end nothing may be left in memory only. */
static void unmount_all(void)
{
	for (struct mount *mount = mounts; mount; mount = mount->next)
		if (mount->root->fs->operations->unmount)
			mount->root->fs->operations->unmount(mount->root->fs);
}
EXIT_CALL(INIT_MOUNT, unmount_all);
