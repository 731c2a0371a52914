/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#define _GNU_SOURCE /* O_CLOEXEC, realpath */

#include "resource.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "listing.h"
#include "types.h"

#define BUCKETS 1024 /* a power of two */

static struct resource *buckets[BUCKETS];
static struct resource *newest, *oldest;
static size_t cached_bytes, cached_count;
static const char *root;
static size_t root_bytes; /* without a final slash: 0 for "/" */

void resource_root(const char *path)
{
	root = path;
	root_bytes = strlen(path);
	if (root_bytes && path[root_bytes - 1] == '/')
		root_bytes--;
}

static uint32_t hash_of(const char *path, size_t length)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)path[i]) * 16777619u;
	return hash ^ hash >> 15;
}

void resource_put(struct resource *resource)
{
	if (--resource->references)
		return;
	if (resource->fd >= 0)
		close(resource->fd);
	free(resource->block);
	free(resource->file);
	free(resource->path);
	free(resource);
}

static void lru_remove(struct resource *resource)
{
	*(resource->newer ? &resource->newer->older : &newest) = resource->older;
	*(resource->older ? &resource->older->newer : &oldest) = resource->newer;
}

static void lru_insert(struct resource *resource)
{
	resource->newer = NULL;
	resource->older = newest;
	*(newest ? &newest->newer : &oldest) = resource;
	newest = resource;
}

static void forget(struct resource *resource)
{
	struct resource **link = &buckets[resource->hash % BUCKETS];

	while (*link != resource)
		link = &(*link)->chain;
	*link = resource->chain;
	lru_remove(resource);
	cached_bytes -= resource->block_bytes;
	cached_count--;
	resource_put(resource);
}

static void remember(struct resource *resource)
{
	struct resource **bucket = &buckets[resource->hash % BUCKETS];

	if (resource->block_bytes > RESOURCE_CACHE_BYTES)
		return; /* a huge listing: for this one answer */
	while (oldest && (cached_count >= RESOURCE_CACHE_COUNT ||
			  cached_bytes + resource->block_bytes > RESOURCE_CACHE_BYTES))
		forget(oldest);
	resource->references++;
	resource->chain = *bucket;
	*bucket = resource;
	lru_insert(resource);
	cached_bytes += resource->block_bytes;
	cached_count++;
}

bool resource_trim(void)
{
	struct resource *next;
	bool closed = false;

	for (struct resource *r = newest; r; r = next) {
		next = r->older;
		if (r->references == 1) {
			closed |= r->fd >= 0;
			forget(r);
		}
	}
	return closed;
}

static struct resource *look_up(const char *path, size_t length, uint32_t hash)
{
	struct resource *resource = buckets[hash % BUCKETS];

	while (resource && (resource->hash != hash || resource->path_bytes != length ||
			    memcmp(resource->path, path, length)))
		resource = resource->chain;
	return resource;
}

static bool unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool still_good(struct resource *resource, int64_t now_ms)
{
	struct stat now;

	if (now_ms - resource->checked_ms < RESOURCE_FRESH_MS)
		return true;
	if (resource->listing || stat(resource->file, &now) ||
	    !unchanged(&now, &resource->status))
		return false;
	resource->checked_ms = now_ms;
	return true;
}

static int status_of_errno(int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
	case ELOOP:
		return 404;
	case EACCES:
	case EPERM:
		return 403;
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return 503;
	default:
		return 500;
	}
}

/* Where `path` lies in the file tree, links followed; NULL with errno. What a link names
 * outside the root is refused. Under "/" nothing is outside. */
static char *locate(const char *path)
{
	char *joined, *real;

	if (asprintf(&joined, "%.*s%s", (int)root_bytes, root, path) < 0) {
		errno = ENOMEM;
		return NULL;
	}
	if (!root_bytes)
		return joined;
	real = realpath(joined, NULL);
	if (real && (strncmp(real, root, root_bytes) ||
		     (real[root_bytes] && real[root_bytes] != '/'))) {
		free(real);
		real = NULL;
		errno = EACCES;
	} else if (real && path[strlen(path) - 1] == '/' && path[1]) {
		struct stat
			folder; /* realpath drops the slash that demands a directory */

		if (!stat(real, &folder) && !S_ISDIR(folder.st_mode)) {
			free(real);
			real = NULL;
			errno = ENOTDIR;
		}
	}
	free(joined);
	return real;
}

/* Writes the header fields and makes room for `content` bytes after them. */
static int make_block(struct resource *resource, size_t content)
{
	struct text fields = { 0 };
	char *block;

	text_format(&fields, "Content-Type: %s\r\nContent-Length: %llu\r\n",
		    resource->type, (unsigned long long)resource->size);
	if (!resource->listing)
		text_format(&fields,
			    "Last-Modified: %s\r\nETag: %s\r\nAccept-Ranges: bytes\r\n",
			    resource->modified, resource->etag);
	text_string(&fields, "\r\n");
	block = fields.failed ? NULL : realloc(fields.data, fields.length + content);
	if (!block) {
		free(fields.data);
		return 503;
	}
	resource->block = block;
	resource->fields_bytes = fields.length;
	resource->block_bytes = fields.length + content;
	return 200;
}

/* Reads all the content after the fields and lets go of the descriptor. */
static int read_content(struct resource *resource)
{
	size_t done = 0;

	while (done < resource->size) {
		ssize_t n = pread(resource->fd,
				  resource->block + resource->fields_bytes + done,
				  (size_t)resource->size - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) /* unreadable, or cut since we asked its size */
			return 500;
		done += (size_t)n;
	}
	close(resource->fd);
	resource->fd = -1;
	return 200;
}

/* Large content is read as it is sent, when it is too late to say 500: so its beginning
 * is asked for here. */
static int try_content(struct resource *resource)
{
	char first;

	return pread(resource->fd, &first, 1, 0) == 1 ? 200 : 500;
}

static int open_file(struct resource *resource)
{
	const struct stat *status = &resource->status;
	bool small;
	int result;

	resource->fd = open(resource->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (resource->fd < 0 && (errno == EMFILE || errno == ENFILE) && resource_trim())
		resource->fd = open(resource->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (resource->fd < 0 || fstat(resource->fd, &resource->status))
		return status_of_errno(errno);
	if (!S_ISREG(status->st_mode))
		return 403;
	resource->size = (uint64_t)status->st_size;
	resource->type = content_type(resource->file);
	http_date_format(status->st_mtime, resource->modified);
	snprintf(resource->etag, sizeof(resource->etag), "\"%llx-%llx-%llx.%lx\"",
		 (unsigned long long)status->st_ino, (unsigned long long)status->st_size,
		 (unsigned long long)status->st_mtim.tv_sec,
		 (unsigned long)status->st_mtim.tv_nsec);
	small = resource->size <= RESOURCE_SMALL;
	result = make_block(resource, small ? (size_t)resource->size : 0);
	if (result != 200)
		return result;
	return small ? read_content(resource) : try_content(resource);
}

static int make_listing(struct resource *resource)
{
	struct text page = { 0 };
	int error, result;

	error = listing_write(&page, resource->file, resource->path);
	if (error) {
		free(page.data);
		return status_of_errno(-error);
	}
	resource->listing = true;
	resource->size = page.length;
	resource->type = "text/html; charset=utf-8";
	result = make_block(resource, page.length);
	if (result == 200)
		memcpy(resource->block + resource->fields_bytes, page.data, page.length);
	free(page.data);
	return result;
}

/* A directory is its index.html if it has one, else a listing of itself. */
static int open_folder(struct resource *resource)
{
	struct stat status;
	char *folder = resource->file;

	if (resource->path[resource->path_bytes - 1] != '/')
		return 301;
	if (asprintf(&resource->file, "%s%sindex.html", folder,
		     folder[strlen(folder) - 1] == '/' ? "" : "/") < 0) {
		resource->file = folder;
		return 503;
	}
	if (!stat(resource->file, &status) && S_ISREG(status.st_mode)) {
		free(folder);
		return open_file(resource);
	}
	free(resource->file);
	resource->file = folder;
	return make_listing(resource);
}

static int open_resource(struct resource *resource)
{
	resource->file = locate(resource->path);
	if (!resource->file || stat(resource->file, &resource->status))
		return status_of_errno(errno);
	if (S_ISDIR(resource->status.st_mode))
		return open_folder(resource);
	if (!S_ISREG(resource->status.st_mode))
		return 403; /* opening a device or a pipe could have effects */
	return open_file(resource);
}

int resource_find(const char *path, size_t length, int64_t now_ms, struct resource **out)
{
	uint32_t hash = hash_of(path, length);
	struct resource *resource = look_up(path, length, hash);
	int status;

	if (resource && still_good(resource, now_ms)) {
		if (resource != newest) {
			lru_remove(resource);
			lru_insert(resource);
		}
		resource->references++;
		*out = resource;
		return 200;
	}
	if (resource)
		forget(resource);
	resource = calloc(1, sizeof(*resource));
	if (!resource)
		return 503;
	resource->references = 1;
	resource->fd = -1;
	resource->hash = hash;
	resource->checked_ms = now_ms;
	resource->path = strdup(path);
	resource->path_bytes = length;
	status = resource->path ? open_resource(resource) : 503;
	if (status != 200) {
		resource_put(resource);
		return status;
	}
	remember(resource);
	*out = resource;
	return 200;
}
