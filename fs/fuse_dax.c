/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* FUSE: the window, in chunks of one size, each with a part of a file or nothing. */

#include <errno.h>
#include <string.h>
#include <arch/mmu.h>
#include <fs/fuse_dax.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <virtio/virtio.h>

#define CHUNK_SHIFT 21
#define CHUNK_BYTES (UINT64_C(1) << CHUNK_SHIFT)
#define CHUNKS_MAX  256 /* as much as we have a use for */

struct chunk {
	const struct fuse_inode *node; /* NULL: nothing is mapped here */
	uint64_t number;	       /* which part of the file */
	unsigned session;	       /* that it was mapped in */
	unsigned readers;	       /* copy from it now */
	uint64_t used;		       /* when last, counted in uses */
};

struct fuse_dax {
	struct mutex mutex; /* over all of this; not held while copying */
	const uint8_t *window;
	uint64_t uses;
	unsigned count;
	struct chunk chunks[];
};

/* The window is the shared memory region of id 0, and where there is none files are read
 * by requests [FS-07]. */
void fuse_dax_begin(struct fuse *fuse)
{
	struct virtio_shared_memory window;
	struct fuse_dax *dax;
	uint64_t count;

	if (!virtio_fs_window(fuse->device, &window))
		return;
	count = window.bytes >> CHUNK_SHIFT;
	if (!count || window.phys % PAGE_BYTES || fuse->map_alignment > CHUNK_SHIFT)
		return;
	if (count > CHUNKS_MAX)
		count = CHUNKS_MAX;
	if (arch_direct_map(window.phys, count << CHUNK_SHIFT))
		return;
	dax = kzalloc(sizeof(*dax) + count * sizeof(dax->chunks[0]));
	if (!dax)
		return;
	dax->window = phys_to_virt(window.phys);
	dax->count = (unsigned)count;
	fuse->dax = dax;
	log_info("virtiofs: %s: reads through a window of %u MiB", fuse->fs.source,
		 dax->count * (unsigned)(CHUNK_BYTES >> 20));
}

void fuse_dax_end(struct fuse *fuse)
{
	kfree(fuse->dax);
	fuse->dax = NULL;
}

/* Under the mutex. A mapping of an earlier session is gone with it. */
static void unmap(struct fuse *fuse, struct chunk *chunk)
{
	uint64_t at = (uint64_t)(chunk - fuse->dax->chunks) << CHUNK_SHIFT;
	struct fuse_removemapping_in in = { .count = 1,
					    .moffset = at,
					    .len = CHUNK_BYTES };
	struct virtio_fs_call call = { .opcode = FUSE_REMOVEMAPPING,
				       .nodeid = chunk->node->nodeid,
				       .session = chunk->session,
				       .arguments = &in,
				       .argument_bytes = sizeof(in) };

	virtio_fs_call(fuse->device, &call);
	chunk->node = NULL;
}

/* Under the mutex: what was not used for the longest time, and is not read now. */
static struct chunk *oldest(struct fuse_dax *dax)
{
	struct chunk *best = NULL;

	for (unsigned i = 0; i < dax->count; i++) {
		struct chunk *chunk = &dax->chunks[i];

		if (chunk->readers)
			continue;
		if (!chunk->node)
			return chunk;
		if (!best || chunk->used < best->used)
			best = chunk;
	}
	return best;
}

/* Under the mutex. */
static struct chunk *map(struct fuse_inode *node, uint64_t handle, uint64_t number)
{
	struct fuse *fuse = fuse_of(&node->inode);
	struct chunk *chunk = oldest(fuse->dax);
	struct fuse_setupmapping_in in = { .fh = handle,
					   .foffset = number << CHUNK_SHIFT,
					   .len = CHUNK_BYTES,
					   .flags = FUSE_MAPPING_READ };
	struct virtio_fs_call call = { .opcode = FUSE_SETUPMAPPING,
				       .arguments = &in,
				       .argument_bytes = sizeof(in) };

	if (!chunk)
		return NULL;
	if (chunk->node)
		unmap(fuse, chunk);
	in.moffset = (uint64_t)(chunk - fuse->dax->chunks) << CHUNK_SHIFT;
	if (fuse_call(node, &call))
		return NULL;
	chunk->node = node;
	chunk->number = number;
	chunk->session = call.session;
	return chunk;
}

/* The chunk with that part of the file, which stays until it is put back; NULL: by
 * request. */
static struct chunk *get(struct fuse_inode *node, uint64_t handle, uint64_t number)
{
	struct fuse_dax *dax = fuse_of(&node->inode)->dax;
	unsigned session = fuse_session(node);
	struct chunk *found = NULL;

	mutex_lock(&dax->mutex);
	for (unsigned i = 0; i < dax->count && !found; i++)
		if (dax->chunks[i].node == node && dax->chunks[i].number == number &&
		    dax->chunks[i].session == session)
			found = &dax->chunks[i];
	if (!found)
		found = map(node, handle, number);
	if (found) {
		found->readers++;
		found->used = ++dax->uses;
	}
	mutex_unlock(&dax->mutex);
	return found;
}

static void put(struct fuse_dax *dax, struct chunk *chunk)
{
	mutex_lock(&dax->mutex);
	chunk->readers--;
	mutex_unlock(&dax->mutex);
}

/* Never beyond the file's end, where a mapping has no memory, nor what the device lost
 * meanwhile [FS-07]. */
ssize_t fuse_dax_read(struct fuse_inode *node, uint64_t handle, void *out, size_t bytes,
		      uint64_t offset)
{
	struct fuse *fuse = fuse_of(&node->inode);
	struct fuse_attr attr;
	size_t done = 0;

	if (!fuse->dax || fuse_attr_get(node, &attr))
		return -EAGAIN;
	if (offset >= attr.size)
		return 0;
	if (bytes > attr.size - offset)
		bytes = (size_t)(attr.size - offset);
	while (done < bytes) {
		uint64_t at = (offset + done) & (CHUNK_BYTES - 1);
		size_t part = bytes - done < CHUNK_BYTES - at ? bytes - done
							      : CHUNK_BYTES - at;
		struct chunk *chunk = get(node, handle, (offset + done) >> CHUNK_SHIFT);

		if (!chunk)
			return done ? (ssize_t)done : -EAGAIN;
		memcpy((char *)out + done,
		       fuse->dax->window +
			       ((uint64_t)(chunk - fuse->dax->chunks) << CHUNK_SHIFT) +
			       at,
		       part);
		put(fuse->dax, chunk);
		if (virtio_fs_session(fuse->device) != node->session)
			return -EIO; /* what was copied may be anything */
		done += part;
	}
	return (ssize_t)done;
}

void fuse_dax_forget(struct fuse_inode *node)
{
	struct fuse *fuse = fuse_of(&node->inode);

	if (!fuse->dax)
		return;
	mutex_lock(&fuse->dax->mutex);
	for (unsigned i = 0; i < fuse->dax->count; i++)
		if (fuse->dax->chunks[i].node == node)
			unmap(fuse, &fuse->dax->chunks[i]);
	mutex_unlock(&fuse->dax->mutex);
}
