/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The bounce arena: with `bounce=8M` all rings and all buffers that any device sees lie in
 * one region of that size. What is to be read is copied in, what was written is copied
 * out, and both are wiped afterwards. So a host that cannot see the rest of memory, or
 * should not, still can serve the guest.
 *
 * The arena is cut into granules. Buffers that are posted to wait for something to come
 * (nothing to read in them) and rings go to its upper end, requests to the lower: what lasts
 * does not cut up what comes and goes. Posted buffers together get at most half, so that
 * requests always end up with room. */

#include <errno.h>
#include <string.h>
#include <kernel/cmdline.h>
#include <kernel/heap.h>
#include <kernel/lock.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <virtio/dma.h>

#define GRANULE	      256u
#define WORD	      64u /* granules in a word of the map */
#define PAGE_GRANULES (PAGE_BYTES / GRANULE)
#define BYTES_MIN     (UINT64_C(1) << 20)
#define BYTES_MAX     (UINT64_C(1) << 30)
#define DEFAULT_MIN   (UINT64_C(2) << 20)
#define DEFAULT_MAX   (UINT64_C(64) << 20)
#define DEFAULT_SHARE 16 /* of memory, with bounce=on */
#define BUFFER_SHARE  4	 /* of the arena: the longest buffer */
#define POSTED_SHARE  2	 /* the same of all posted buffers */
#define NONE	      UINT32_MAX

static uint64_t wanted; /* bytes; 0: no arena */
static bool by_default;

/* All under the lock. The device can write the arena, but none of these. */
static struct spinlock lock;
static uint64_t base;	  /* physical; 0: not made yet */
static uint32_t granules; /* a multiple of WORD */
static uint64_t *map;	  /* a bit each: in use */
static uint32_t posted;	  /* granules of posted buffers */

static void apply_bounce(const char *value)
{
	wanted = 0;
	by_default = !strcmp(value, "on");
	if (by_default || !strcmp(value, "off") ||
	    cmdline_bytes(value, BYTES_MIN, BYTES_MAX, &wanted))
		return;
	log_warn("bounce: a size is 1M to 1024M; using the default");
	by_default = true;
}
CMDLINE_KEY_APPLY(bounce, "on|off|SIZE[K|M|G]: devices see only an arena of that size",
		  apply_bounce);

static uint64_t default_bytes(void)
{
	struct page_stats memory;
	uint64_t bytes;

	page_stats(&memory);
	bytes = memory.total_bytes / DEFAULT_SHARE;
	if (bytes < DEFAULT_MIN)
		return DEFAULT_MIN;
	return bytes < DEFAULT_MAX ? bytes : DEFAULT_MAX;
}

/* Once. What does not come as a whole power of two is cut, not rounded up. */
static bool make_arena(uint64_t bytes)
{
	unsigned order = page_order(bytes);

	if ((PAGE_BYTES << order) > bytes)
		order--;
	granules = (uint32_t)((PAGE_BYTES << order) / GRANULE);
	map = kzalloc(granules / 8);
	base = map ? page_alloc(order) : 0;
	if (!base) {
		kfree(map);
		log_error("bounce: no memory for an arena of %llu KiB: no device is used",
			  (unsigned long long)(bytes >> 10));
		return false;
	}
	memset(phys_to_virt(base), 0, PAGE_BYTES << order);
	log_info("bounce: devices see %llu KiB at %#llx, and nothing else",
		 (unsigned long long)((PAGE_BYTES << order) >> 10),
		 (unsigned long long)base);
	return true;
}

/* `count` free granules in a row, seen from one end; NONE. Under the lock. */
static uint32_t find(uint32_t count, bool from_top)
{
	uint32_t run = 0;

	for (uint32_t i = 0; i < granules;) {
		uint32_t at = from_top ? granules - 1 - i : i;
		uint64_t word = map[at / WORD];

		if (i % WORD == 0 && (word == 0 || word == UINT64_MAX)) {
			run = word ? 0 : run + WORD;
			i += WORD;
		} else {
			run = word >> (at % WORD) & 1 ? 0 : run + 1;
			i++;
		}
		if (run >= count)
			return from_top ? granules - i + run - count : i - run;
	}
	return NONE;
}

static void mark(uint32_t first, uint32_t count, bool used)
{
	for (uint32_t i = first; i < first + count; i++) {
		uint64_t bit = UINT64_C(1) << i % WORD;

		map[i / WORD] = used ? map[i / WORD] | bit : map[i / WORD] & ~bit;
	}
}

static uint64_t address_of(uint32_t granule)
{
	return base + (uint64_t)granule * GRANULE;
}

/* Wiped before anybody can have it again. */
static void release(uint64_t phys, uint32_t count, bool was_posted)
{
	unsigned long flags;

	memset(phys_to_virt(phys), 0, (size_t)count * GRANULE);
	flags = spin_lock(&lock);
	mark((uint32_t)((phys - base) / GRANULE), count, false);
	if (was_posted)
		posted -= count;
	spin_unlock(&lock, flags);
}

static uint64_t bounce_alloc(unsigned order, uint64_t limit)
{
	uint32_t count = (uint32_t)(PAGE_GRANULES << order), at;
	unsigned long flags;
	uint64_t phys = 0;

	if (!base || address_of(granules) > limit)
		return 0;
	flags = spin_lock(&lock);
	at = find(count + PAGE_GRANULES - 1, true);
	if (at != NONE) {
		at = (uint32_t)((at + PAGE_GRANULES - 1) / PAGE_GRANULES * PAGE_GRANULES);
		mark(at, count, true);
		phys = address_of(at);
	}
	spin_unlock(&lock, flags);
	return phys;
}

static void bounce_free(uint64_t phys, unsigned order)
{
	release(phys, (uint32_t)(PAGE_GRANULES << order), false);
}

static uint32_t granules_of(const struct virtio_mapping *mapping)
{
	return (mapping->readable + mapping->writable + GRANULE - 1) / GRANULE;
}

static uint64_t place(const struct virtio_mapping *mapping)
{
	uint32_t count = granules_of(mapping), at = NONE;
	bool waits = !mapping->readable;
	unsigned long flags = spin_lock(&lock);

	if (!waits || posted + count <= granules / POSTED_SHARE)
		at = find(count, waits);
	if (at != NONE) {
		mark(at, count, true);
		if (waits)
			posted += count;
	}
	spin_unlock(&lock, flags);
	return at == NONE ? 0 : address_of(at);
}

static int bounce_map(struct virtio_mapping *mapping, struct virtio_piece *pieces,
		      unsigned readable, unsigned writable)
{
	uint64_t at = place(mapping);

	if (!at)
		return -ENOSPC;
	mapping->phys = at;
	for (unsigned i = 0; i < readable + writable; i++) {
		if (i < readable)
			memcpy(phys_to_virt(at), phys_to_virt(pieces[i].address),
			       pieces[i].bytes);
		pieces[i].address = at;
		at += pieces[i].bytes;
	}
	return 0;
}

/* `written` was clamped to what was writable by the ring. */
static void bounce_unmap(const struct virtio_mapping *mapping,
			 const struct virtio_piece *writable, unsigned count,
			 uint32_t written)
{
	uint64_t from = mapping->phys + mapping->readable;

	for (unsigned i = 0; i < count && written; i++) {
		uint32_t bytes = writable[i].bytes < written ? writable[i].bytes
							     : written;

		memcpy(phys_to_virt(writable[i].address), phys_to_virt(from), bytes);
		from += bytes;
		written -= bytes;
	}
	release(mapping->phys, granules_of(mapping), !mapping->readable);
}

const struct virtio_dma *virtio_dma(void)
{
	static struct virtio_dma bounce = {
		.name = "bounce",
		.alloc = bounce_alloc,
		.free = bounce_free,
		.map = bounce_map,
		.unmap = bounce_unmap,
	};
	if (by_default && !wanted)
		wanted = default_bytes();
	if (!wanted)
		return NULL;
	if (!base && make_arena(wanted)) /* while buses are scanned: one thread */
		bounce.bytes_max = granules * GRANULE / BUFFER_SHARE;
	return &bounce;
}
