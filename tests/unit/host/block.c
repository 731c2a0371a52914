/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ferrule/block.h>
#include "block.h"

struct ferrule_block {
	int unused;
};

uint8_t *host_disk;
size_t host_disk_bytes;
bool host_disk_read_only;
unsigned host_disk_requests;
unsigned host_disk_flushes;
long host_disk_budget = -1;

static struct ferrule_block disk;

void host_disk_load(const char *image)
{
	FILE *file = fopen(image, "rb");

	host_disk_free();
	if (!file || fseek(file, 0, SEEK_END))
		abort();
	host_disk_bytes = (size_t)ftell(file) & ~(size_t)511;
	host_disk = malloc(host_disk_bytes);
	rewind(file);
	if (!host_disk || fread(host_disk, 1, host_disk_bytes, file) != host_disk_bytes)
		abort();
	fclose(file);
	host_disk_read_only = false;
	host_disk_budget = -1;
}

void host_disk_save(const char *image)
{
	FILE *file = fopen(image, "wb");

	if (!file || fwrite(host_disk, 1, host_disk_bytes, file) != host_disk_bytes ||
	    fclose(file))
		abort();
}

void host_disk_free(void)
{
	free(host_disk);
	host_disk = NULL;
}

struct ferrule_block *ferrule_block_find(const char *name)
{
	return host_disk && strcmp(name, "vda") == 0 ? &disk : NULL;
}

struct ferrule_block *ferrule_block_at(unsigned index)
{
	return host_disk && !index ? &disk : NULL;
}

void ferrule_block_release(struct ferrule_block *self)
{
	(void)self;
}

void ferrule_block_info(struct ferrule_block *self, struct ferrule_block_info *out)
{
	(void)self;
	memset(out, 0, sizeof(*out));
	strcpy(out->name, "vda");
	out->sectors = host_disk_bytes / 512;
	out->block_bytes = 512;
	out->read_only = host_disk_read_only;
	out->flushable = true;
}

static int run(struct ferrule_block_request *request)
{
	uint64_t at = request->sector * 512;

	host_disk_requests++;
	if (!host_disk_budget)
		return -EIO;
	if (host_disk_budget > 0)
		host_disk_budget--;
	if (request->operation == FERRULE_BLOCK_WRITE && host_disk_read_only)
		return -EROFS;
	for (unsigned i = 0; i < request->segment_count; i++) {
		size_t bytes = request->segments[i].bytes;
		void *data = request->segments[i].data;

		if (!bytes || bytes % 512 || at > host_disk_bytes ||
		    bytes > host_disk_bytes - at)
			abort(); /* the caller must not ask for that */
		if (request->operation == FERRULE_BLOCK_WRITE)
			memcpy(host_disk + at, data, bytes);
		else
			memcpy(data, host_disk + at, bytes);
		at += bytes;
	}
	return 0;
}

void ferrule_block_submit(struct ferrule_block *self,
			  struct ferrule_block_request **requests, unsigned count)
{
	(void)self;
	for (unsigned i = 0; i < count; i++)
		requests[i]->status = run(requests[i]);
}

int ferrule_block_wait(struct ferrule_block_request *request)
{
	return request->status;
}

static int move(enum ferrule_block_operation operation, uint64_t sector, void *data,
		size_t bytes)
{
	struct ferrule_block_segment segment = { data, bytes };
	struct ferrule_block_request request = {
		.operation = operation,
		.sector = sector,
		.segments = &segment,
		.segment_count = 1,
	};

	return run(&request);
}

int ferrule_block_read(struct ferrule_block *self, uint64_t sector, void *data,
		       size_t bytes)
{
	(void)self;
	return move(FERRULE_BLOCK_READ, sector, data, bytes);
}

int ferrule_block_write(struct ferrule_block *self, uint64_t sector, const void *data,
			size_t bytes)
{
	(void)self;
	return move(FERRULE_BLOCK_WRITE, sector, (void *)data, bytes);
}

int ferrule_block_flush(struct ferrule_block *self)
{
	(void)self;
	host_disk_flushes++;
	return 0;
}
