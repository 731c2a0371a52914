/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Reading through the window: where the device has one, the host maps parts of files into
 * it, and reading them is a copy without a request (VIRTIO 1.3 §5.11.6.4). Writing goes by
 * requests, as the window of a file cannot grow it. */

#ifndef FS_FUSE_DAX_H
#define FS_FUSE_DAX_H

#include <fs/fuse.h>

/* When mounted: looks for a window; without one, or without memory, reads are requests. */
void fuse_dax_begin(struct fuse *fuse);
void fuse_dax_end(struct fuse *fuse);
/* Bytes read, up to the file's end; -EAGAIN: the window cannot serve this, a request can. */
ssize_t fuse_dax_read(struct fuse_inode *node, uint64_t handle, void *out, size_t bytes,
		      uint64_t offset);
/* The inode leaves memory: so do its mappings. */
void fuse_dax_forget(struct fuse_inode *node);

#endif
