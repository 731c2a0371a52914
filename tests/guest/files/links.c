/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The root may be a share of the host's: that is linked in by these names. */

struct fs_operations;
extern const struct fs_operations *const ferrule_virtiofs, *const ferrule_9p;
const struct fs_operations *const *const volatile linked[] = { &ferrule_virtiofs,
							       &ferrule_9p };
