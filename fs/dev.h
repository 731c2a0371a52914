/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The file systems that need no disk. */

#ifndef FS_DEV_H
#define FS_DEV_H

struct fs_operations;

extern const struct fs_operations dev_type;   /* "dev" */
extern const struct fs_operations empty_type; /* "empty": a root without files */

#endif
