/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The driver for shares by 9p is linked in by this name. */

struct fs_operations;
extern const struct fs_operations *const ferrule_9p;
const struct fs_operations *const *const volatile linked = &ferrule_9p;
