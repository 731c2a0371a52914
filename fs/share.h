/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the file systems over requests to the host (fuse, p9) have in common: a read or
 * write of any length as requests of a limited one, several in flight. */

#ifndef FS_SHARE_H
#define FS_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SHARE_IN_FLIGHT 4 /* of one read or write */

struct share_steps {
	/* Sends request `part` (below SHARE_IN_FLIGHT) for bytes [at, at + result), result
	 * at most `left`; -errno: not sent. -EAGAIN, unless `wait`: no request is free. */
	ssize_t (*issue)(void *context, unsigned part, size_t at, size_t left, bool wait);
	/* Waits for it: bytes done, at most those it was for, or -errno. */
	ssize_t (*finish)(void *context, unsigned part);
};

/* The bytes up to the first request that failed or came back short; -errno if there are
 * none. On return nothing is in flight. */
ssize_t share_transfer(const struct share_steps *steps, void *context, size_t bytes);

/* One component of a path, no more, as a host may not send it [FS-08]. */
bool share_is_name(const char *name, size_t length);

/* Whether a host's mode and size can be a file's at all. */
bool share_is_file(uint32_t mode, uint64_t size);

#define SHARE_LIST_BYTES  16384	     /* asked for at once of a directory */
#define SHARE_ENTRIES_MAX (1u << 20) /* in one call; getdents comes back for more */

#endif
