/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Images of ext2, ext3 and ext4 as mke2fs makes them, of one tree of files: mounted, checked
 * against what went into them, judged by e2fsck. The image that is mounted is in memory. */

#ifndef EXT4_IMAGE_H
#define EXT4_IMAGE_H

#include <unit.h>
#include <fs/fs.h>
#include <fs/names.h>
#include <fs/tree.h>
#include "host/block.h"
#include "host/host.h"

/* What is mounted, by image.c. */
extern struct fs *mounted;
extern struct inode *root;
extern const struct fs_operations *ext4;

/* Formats: a name for people, and mke2fs's options. */
extern const char *const kinds[6][2];
#define KINDS array_count(kinds)

/* The folder that the images are made in, with the tree in it; for main(). */
int set_up(void **state);
int tear_down(void **state);

/* Runs a command on the host, which must succeed. */
void shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The folder, and a path in it (kept until the next call). */
extern char work[];
char *in_work(const char *name);
/* An image of the tree, in the folder. */
void make_image(const char *name, const char *options, unsigned mebibytes);
int mount_image(const char *image, bool read_only);
void unmount_image(void);
/* e2fsck finds nothing to mend in the disk as it is now, which is saved as `name`. */
void fsck(const char *name);

/* tree.c. Makes the tree that images are made of, in `work`. */
void make_tree(void);
/* The contents of file `number`: the same in the tree and in a test. */
size_t make_contents(unsigned number, uint8_t *out, size_t bytes);
/* The tree is whole in what is mounted: each byte, each name. */
void check_file(const char *path, unsigned number);
void check_tree(void);
/* A new empty file in the root. */
struct inode *new_file(const char *name);

#endif
