/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Each page of the heap holds objects of one size class, without a header: what is known
 * about it lies in its struct page_info. Freed objects are linked through their first
 * word; a page's objects that were never handed out are not touched. Sizes above the
 * largest class are blocks of whole pages. */

#include <kernel/heap.h>
#include <kernel/lock.h>
#include <kernel/page.h>
#include <kernel/page_info.h>
#include <kernel/panic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define CLASS_MAX_BYTES 2048
#define NO_OBJECT	UINT16_MAX

/* A freed object. The mark makes a double free suspect; the list then convicts. */
struct free_object {
	uint64_t next; /* offset in the page, or NO_OBJECT */
	uint64_t mark;
};
#define FREE_MARK UINT64_C(0xf4eed0b1ec75a1e5)

/* ceil(2^24 / bytes): offset * reciprocal >> 24 is offset / bytes for all offsets. */
#define CLASS(size)                                                              \
	{                                                                        \
		.bytes = (size), .reciprocal = ((1u << 24) + (size)-1) / (size), \
	}

static const struct size_class {
	uint32_t bytes, reciprocal;
} classes[] = {
	CLASS(16),  CLASS(32),	CLASS(48),   CLASS(64),	  CLASS(96),
	CLASS(128), CLASS(192), CLASS(256),  CLASS(336),  CLASS(512),
	CLASS(672), CLASS(816), CLASS(1024), CLASS(1360), CLASS(2048),
};
#define CLASS_COUNT (sizeof(classes) / sizeof(classes[0]))

/* Of each class, the page number of the first with room, 0: none. Under `lock`. */
static uint32_t class_pages[CLASS_COUNT];

/* The class of a size, by its 16-byte steps rounded up. */
static const uint8_t class_of_step[CLASS_MAX_BYTES / 16 + 1] = {
	[0 ... 1] = 0,	  [2] = 1,	    [3] = 2,	       [4] = 3,
	[5 ... 6] = 4,	  [7 ... 8] = 5,    [9 ... 12] = 6,    [13 ... 16] = 7,
	[17 ... 21] = 8,  [22 ... 32] = 9,  [33 ... 42] = 10,  [43 ... 51] = 11,
	[52 ... 64] = 12, [65 ... 85] = 13, [86 ... 128] = 14,
};

static struct spinlock lock;
static size_t used_bytes, page_bytes; /* under lock */
static bool reclaiming;		      /* the reclaimer is registered; under lock */

/* The heap lies in the direct map. */
static uint64_t phys_of(const void *memory)
{
	return (uintptr_t)memory - (uintptr_t)phys_to_virt(0);
}

static struct page_info *info_of(uint32_t page)
{
	return page_info((uint64_t)page << PAGE_SHIFT);
}

/* Of a page of objects. */
static const struct size_class *class_of(const struct page_info *info)
{
	return &classes[info->owner - PAGE_OWNER_HEAP_CLASS];
}

static uint32_t *pages_of(const struct size_class *class)
{
	return &class_pages[class - classes];
}

static void list_push(const struct size_class *class, uint32_t page,
		      struct page_info *info)
{
	info->prev = 0;
	info->next = *pages_of(class);
	if (info->next)
		info_of(info->next)->prev = page;
	*pages_of(class) = page;
}

static void list_remove(const struct size_class *class, struct page_info *info)
{
	if (info->next)
		info_of(info->next)->prev = info->prev;
	if (info->prev)
		info_of(info->prev)->next = info->next;
	else
		*pages_of(class) = info->next;
}

static bool is_full(const struct size_class *class, const struct page_info *info)
{
	return info->free == NO_OBJECT && info->fresh + class->bytes > PAGE_BYTES;
}

/* Gives back the empty page that put() left in each class. */
static size_t reclaim(size_t pages)
{
	size_t freed = 0;

	(void)pages;
	for (const struct size_class *each = classes; each < classes + CLASS_COUNT;
	     each++) {
		unsigned long flags = spin_lock(&lock);
		uint32_t page = *pages_of(each);

		if (page && info_of(page)->used == 0) {
			list_remove(each, info_of(page));
			page_bytes -= PAGE_BYTES;
		} else {
			page = 0;
		}
		spin_unlock(&lock, flags);
		if (page) {
			page_free((uint64_t)page << PAGE_SHIFT, 0);
			freed++;
		}
	}
	return freed;
}

static struct page_reclaimer reclaimer = { .reclaim = reclaim };

/* The lock is free while the page allocator works: it may call reclaim(). */
static bool grow(const struct size_class *class)
{
	uint64_t phys = page_alloc(0);
	struct page_info *info;
	unsigned long flags;

	if (!phys)
		return false;
	flags = spin_lock(&lock);
	if (!reclaiming) {
		reclaiming = true;
		page_reclaimer_add(&reclaimer);
	}
	info = page_info(phys);
	info->owner = (uint8_t)(PAGE_OWNER_HEAP_CLASS + (class - classes));
	info->free = NO_OBJECT;
	info->fresh = 0;
	info->used = 0;
	list_push(class, (uint32_t)(phys >> PAGE_SHIFT), info);
	page_bytes += PAGE_BYTES;
	spin_unlock(&lock, flags);
	return true;
}

/* The caller holds the lock; the class has a page with room. */
static void *take(const struct size_class *class)
{
	struct page_info *info = info_of(*pages_of(class));
	char *page = phys_to_virt((uint64_t)*pages_of(class) << PAGE_SHIFT);
	struct free_object *object;

	if (info->free == NO_OBJECT) {
		object = (struct free_object *)(page + info->fresh);
		info->fresh = (uint16_t)(info->fresh + class->bytes);
	} else {
		object = (struct free_object *)(page + info->free);
		if (object->next != NO_OBJECT && object->next >= info->fresh)
			panic("heap: object %p of %u bytes was written to after its free",
			      (void *)object, class->bytes);
		info->free = (uint16_t)object->next;
	}
	object->mark = 0;
	info->used++;
	used_bytes += class->bytes;
	if (is_full(class, info))
		list_remove(class, info);
	return object;
}

static void *alloc_pages(size_t bytes)
{
	unsigned order = page_order(bytes);
	uint64_t phys = page_alloc(order);
	unsigned long flags;

	if (!phys)
		return NULL;
	page_info(phys)->owner = PAGE_OWNER_HEAP_LARGE;
	flags = spin_lock(&lock);
	used_bytes += PAGE_BYTES << order;
	page_bytes += PAGE_BYTES << order;
	spin_unlock(&lock, flags);
	return phys_to_virt(phys);
}

void *kmalloc(size_t bytes)
{
	const struct size_class *class;
	unsigned long flags;
	void *object;

	if (bytes > CLASS_MAX_BYTES)
		return alloc_pages(bytes);
	class = &classes[class_of_step[(bytes + 15) / 16]];
	flags = spin_lock(&lock);
	while (!*pages_of(class)) {
		spin_unlock(&lock, flags);
		if (!grow(class))
			return NULL;
		flags = spin_lock(&lock);
	}
	object = take(class);
	spin_unlock(&lock, flags);
	return object;
}

void *kzalloc(size_t bytes)
{
	void *memory = kmalloc(bytes);

	return memory ? memset(memory, 0, bytes) : NULL;
}

static _Noreturn void bad_free(const void *memory)
{
	panic("heap: free of %p, which was not allocated", memory);
}

/* What the page of `memory` is, after checks that it starts an object there. */
static struct page_info *checked_info(const void *memory)
{
	uint64_t phys = phys_of(memory);
	struct page_info *info = page_info(phys);
	unsigned offset = phys % PAGE_BYTES;

	if (!info || info->owner == PAGE_OWNER_NONE)
		bad_free(memory);
	if (info->owner == PAGE_OWNER_HEAP_LARGE) {
		if (offset)
			bad_free(memory);
	} else {
		const struct size_class *class = class_of(info);
		uint64_t index = (uint64_t)offset * class->reciprocal >> 24;

		if (index * class->bytes != offset || offset >= info->fresh)
			bad_free(memory);
	}
	return info;
}

static bool is_listed(const char *page, const struct page_info *info, unsigned offset)
{
	unsigned left = PAGE_BYTES / 16;

	for (uint64_t at = info->free; at < info->fresh && left--;
	     at = ((const struct free_object *)(page + at))->next)
		if (at == offset)
			return true;
	return false;
}

/* The caller holds the lock. Returns the page if it is to be given back, else 0. */
static uint64_t put(void *memory, struct page_info *info)
{
	const struct size_class *class = class_of(info);
	struct free_object *object = memory;
	uint64_t phys = phys_of(memory) & ~(uint64_t)(PAGE_BYTES - 1);
	unsigned offset = phys_of(memory) % PAGE_BYTES;

	if (object->mark == (FREE_MARK ^ (uintptr_t)object) &&
	    is_listed(phys_to_virt(phys), info, offset))
		panic("heap: double free of %p (%u bytes)", memory, class->bytes);
	if (is_full(class, info))
		list_push(class, (uint32_t)(phys >> PAGE_SHIFT), info);
	object->next = info->free;
	object->mark = FREE_MARK ^ (uintptr_t)object;
	info->free = (uint16_t)offset;
	info->used--;
	used_bytes -= class->bytes;
	/* The last page with room is kept, else a lone object would come and go with it. */
	if (info->used || (!info->next && !info->prev))
		return 0;
	list_remove(class, info);
	page_bytes -= PAGE_BYTES;
	return phys;
}

void kfree(void *memory)
{
	struct page_info *info;
	unsigned long flags;
	uint64_t phys;
	unsigned order = 0;

	if (!memory)
		return;
	flags = spin_lock(&lock);
	info = checked_info(memory);
	if (info->owner == PAGE_OWNER_HEAP_LARGE) {
		phys = phys_of(memory);
		order = page_info_order(info);
		used_bytes -= PAGE_BYTES << order;
		page_bytes -= PAGE_BYTES << order;
	} else {
		phys = put(memory, info);
	}
	spin_unlock(&lock, flags);
	if (phys)
		page_free(phys, order);
}

static size_t usable_bytes(const struct page_info *info)
{
	if (info->owner == PAGE_OWNER_HEAP_LARGE)
		return PAGE_BYTES << page_info_order(info);
	return class_of(info)->bytes;
}

void *krealloc(void *old, size_t bytes)
{
	size_t had;
	void *memory;

	if (!old)
		return kmalloc(bytes);
	had = usable_bytes(checked_info(old));
	if (bytes <= had && bytes > had / 2)
		return old;
	memory = kmalloc(bytes);
	if (!memory)
		return bytes <= had ? old : NULL;
	memcpy(memory, old, bytes < had ? bytes : had);
	kfree(old);
	return memory;
}

void heap_stats(struct heap_stats *out)
{
	unsigned long flags = spin_lock(&lock);

	out->used_bytes = used_bytes;
	out->page_bytes = page_bytes;
	spin_unlock(&lock, flags);
}
