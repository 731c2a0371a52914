/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the tree remembers of names: directory and name to inode, or to "no such name".
 * A remembered inode stays in memory, and with it its pages.
 *
 * Names are in kernel memory. Context: threads. */

#ifndef FS_NAMES_H
#define FS_NAMES_H

#include <stddef.h>

struct inode;

/* 0 and *out with a reference; -ENOENT: known not to exist; 1: not known. */
int fs_names_find(struct inode *directory, const char *name, size_t length,
		  struct inode **out);
/* Taken before asking the file system; an answer is remembered only if no name was
 * dropped since. */
unsigned long fs_names_generation(void);
void fs_names_add(struct inode *directory, const char *name, size_t length,
		  struct inode *inode, unsigned long generation);
void fs_names_drop(struct inode *directory, const char *name, size_t length);
void fs_names_drop_all(void);

#endif
