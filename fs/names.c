/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The name cache: a fixed number of slots, chained in a hash table and reused in a circle. */

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <fs/fs.h>
#include <fs/names.h>
#include <kernel/heap.h>
#include <kernel/lock.h>
#include <kernel/page.h>
#include <kernel/time.h>

#define SLOTS_LEAST    64
#define SLOTS_MOST     8192
#define BYTES_PER_SLOT (128 * 1024) /* of memory: one slot for so much */

struct name {
	struct name *next;	 /* in its bucket */
	struct inode *directory; /* with a reference; NULL: the slot is free */
	struct inode *inode;	 /* with a reference; NULL: no such name */
	char *text;
	uint64_t until_ns; /* 0: for ever */
	uint32_t hash;
	uint8_t length;
};

/* All under lock; references are given back outside it. */
static struct spinlock lock;
static struct name *slots, **buckets;
static unsigned slot_count; /* a power of two, as many buckets */
static unsigned hand;	    /* the slot that is reused next */
static unsigned long generation;

static uint32_t hash_of(const struct inode *directory, const char *name, size_t length)
{
	uint32_t hash = 2166136261u ^ (uint32_t)((uintptr_t)directory >> 5); /* FNV-1a */

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)name[i]) * 16777619u;
	return hash ^ hash >> 15;
}

static struct name **find(const struct inode *directory, const char *name, size_t length,
			  uint32_t hash)
{
	struct name **link = &buckets[hash & (slot_count - 1)];

	while (*link &&
	       ((*link)->hash != hash || (*link)->directory != directory ||
		(*link)->length != length || memcmp((*link)->text, name, length) != 0))
		link = &(*link)->next;
	return link;
}

int fs_names_find(struct inode *directory, const char *name, size_t length,
		  struct inode **out)
{
	uint32_t hash = hash_of(directory, name, length);
	unsigned long flags;
	struct name *entry;
	int result = 1;

	flags = spin_lock(&lock);
	entry = slots ? *find(directory, name, length, hash) : NULL;
	if (entry && (!entry->until_ns || clock_ns() < entry->until_ns)) {
		result = -ENOENT;
		if (entry->inode) {
			*out = fs_inode_get(entry->inode);
			result = 0;
		}
	}
	spin_unlock(&lock, flags);
	return result;
}

unsigned long fs_names_generation(void)
{
	return __atomic_load_n(&generation, __ATOMIC_ACQUIRE);
}

static void release(const struct name *old)
{
	if (!old->directory)
		return;
	kfree(old->text);
	fs_inode_put(old->directory);
	if (old->inode)
		fs_inode_put(old->inode);
}

/* Empties a slot; what it held is the caller's to release. Under lock. */
static struct name take_out(struct name *slot)
{
	struct name old = *slot, **link;

	if (slot->directory) {
		link = &buckets[slot->hash & (slot_count - 1)];
		while (*link != slot)
			link = &(*link)->next;
		*link = slot->next;
	}
	memset(slot, 0, sizeof(*slot));
	return old;
}

static bool ready(void)
{
	struct page_stats memory;
	unsigned count = SLOTS_LEAST;
	struct name *new_slots, **new_buckets;
	unsigned long flags;

	if (__atomic_load_n(&slots, __ATOMIC_ACQUIRE))
		return true;
	page_stats(&memory);
	while (count < SLOTS_MOST && count < memory.total_bytes / BYTES_PER_SLOT)
		count *= 2;
	new_slots = kzalloc(count * sizeof(*new_slots));
	new_buckets = kzalloc(count * sizeof(struct name *));
	if (!new_slots || !new_buckets) {
		kfree(new_slots);
		kfree(new_buckets);
		return false;
	}
	flags = spin_lock(&lock);
	if (!slots) {
		slot_count = count;
		buckets = new_buckets;
		__atomic_store_n(&slots, new_slots, __ATOMIC_RELEASE);
		new_slots = NULL;
	}
	spin_unlock(&lock, flags);
	if (new_slots) {
		kfree(new_slots);
		kfree(new_buckets);
	}
	return true;
}

void fs_names_add(struct inode *directory, const char *name, size_t length,
		  struct inode *inode, unsigned long seen)
{
	struct name new = { .hash = hash_of(directory, name, length),
			    .length = (uint8_t)length };
	uint64_t valid_ns = directory->fs->names_ns;
	struct name old, *slot, **bucket;
	unsigned long flags;

	if (valid_ns == FS_NAMES_NEVER || (valid_ns && !inode)) {
		fs_names_drop(directory, name, length);
		return;
	}
	if (!length || length > FS_NAME_MAX || !ready())
		return;
	new.text = kmalloc(length);
	if (!new.text)
		return;
	memcpy(new.text, name, length);
	new.directory = fs_inode_get(directory);
	new.inode = inode ? fs_inode_get(inode) : NULL;
	new.until_ns = valid_ns ? clock_ns() + valid_ns : 0;
	flags = spin_lock(&lock);
	slot = *find(directory, new.text, length, new.hash);
	if (seen != generation || (slot && !slot->until_ns)) {
		old = new;
	} else {
		if (!slot) /* else what it says is renewed */
			slot = &slots[hand++ & (slot_count - 1)];
		old = take_out(slot);
		bucket = &buckets[new.hash &(slot_count - 1)];
		new.next = *bucket;
		*slot = new;
		*bucket = slot;
	}
	spin_unlock(&lock, flags);
	release(&old);
}

void fs_names_drop(struct inode *directory, const char *name, size_t length)
{
	uint32_t hash = hash_of(directory, name, length);
	struct name old = { 0 }, *slot;
	unsigned long flags = spin_lock(&lock);

	generation++;
	slot = slots ? *find(directory, name, length, hash) : NULL;
	if (slot)
		old = take_out(slot);
	spin_unlock(&lock, flags);
	release(&old);
}

void fs_names_drop_all(void)
{
	struct name old;
	unsigned long flags;

	for (unsigned i = 0; i < slot_count; i++) {
		flags = spin_lock(&lock);
		generation++;
		old = take_out(&slots[i]);
		spin_unlock(&lock, flags);
		release(&old);
	}
}
