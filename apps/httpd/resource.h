/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What a path stands for, found once and kept: a cache of files and listings.
 *
 * A file of up to RESOURCE_SMALL bytes is kept in memory together with its header fields,
 * so that answering with it is one gathering write and no other call. A larger one is kept
 * open. Each is looked at again (one stat) when it was last checked RESOURCE_FRESH_MS ago.
 *
 * One thread uses all this. */

#ifndef HTTPD_RESOURCE_H
#define HTTPD_RESOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include "date.h"

#define RESOURCE_SMALL	     (64 * 1024) /* larger files are read as they are sent */
#define RESOURCE_CACHE_BYTES (4 * 1024 * 1024) /* kept in memory at most */
#define RESOURCE_CACHE_COUNT 512 /* paths kept at most; a large file costs a */
				 /* descriptor each */
#define RESOURCE_FRESH_MS 1000

struct resource {
	struct resource *chain;		/* same bucket */
	struct resource *newer, *older; /* least recently used order */
	unsigned references;		/* the cache's own, and answers under way */
	uint32_t hash;
	char *path; /* the key: as target_normalise() made it */
	size_t path_bytes;
	int64_t checked_ms;
	bool listing;	    /* made up here: no dates, no tags, whole only */
	char *file;	    /* where it lies */
	int fd;		    /* -1 when the content is in memory */
	struct stat status; /* when it was opened */
	uint64_t size;
	const char *type;
	char modified[HTTP_DATE_BYTES + 1];
	char etag[64];
	/* The fields of a plain 200 with the empty line that ends them, then the content
	 * if it is in memory. */
	char *block;
	size_t fields_bytes, block_bytes;
};

/* Serves the tree under `path`, an absolute path without links in it. */
void resource_root(const char *path);

/* Finds what `path` (normalised) stands for: 200 and a reference in *out; or 301 (it is a
 * directory, its path lacks the final slash), 403, 404, 500, 503. */
int resource_find(const char *path, size_t length, int64_t now_ms, struct resource **out);
void resource_put(struct resource *resource);

static inline const char *resource_content(const struct resource *resource)
{
	return resource->fd < 0 ? resource->block + resource->fields_bytes : NULL;
}

/* Forgets all that no answer uses; true if that closed a descriptor. */
bool resource_trim(void);

#endif
