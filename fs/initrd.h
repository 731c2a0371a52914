/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* File trees out of cpio archives in memory. */

#ifndef FS_INITRD_H
#define FS_INITRD_H

#include <stddef.h>

struct fs;
struct fs_operations;

extern const struct fs_operations initrd_type;
/* A file system over an archive that stays where it is; `name` is for messages. */
int initrd_build(const void *bytes, size_t length, const char *name, struct fs **out);

#endif
