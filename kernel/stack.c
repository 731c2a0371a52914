/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The region is cut into zones of 1 TiB, one for each power of two of slot size. A slot
 * is a guard page and the stack above it. A freed slot is used again before a new one. */

#include <arch/cpu.h>
#include <arch/mmu.h>
#include <kernel/heap.h>
#include <kernel/lock.h>
#include <kernel/page.h>
#include <kernel/panic.h>
#include <kernel/stack.h>
#include <kernel/thread.h>

#define ZONE_BYTES  (UINT64_C(1) << 40)
#define SLOT_BYTES  (64 * 1024ul) /* of the first zone; each next one's is double */
#define ZONES	    16		  /* up to 2 GiB */
#define GUARD_BYTES PAGE_BYTES
#define EAGER_BYTES (16 * 1024ul)

/* One node for each slot that was ever used, so that freeing a stack needs no memory:
 * while its slot is in use a node rests on the spare list. */
struct slot {
	struct slot *next;
	uintptr_t base; /* of the guard */
};

static struct spinlock lock; /* for all below */
static struct zone {
	struct slot *free;
	uint64_t used_bytes; /* slots below were given out once */
} zones[ZONES];
static struct slot *spare;

static void release_page(uint64_t phys)
{
	page_free(phys, 0);
}

static unsigned zone_of(size_t bytes)
{
	unsigned zone = 0;

	while (zone < ZONES && (SLOT_BYTES << zone) - GUARD_BYTES < bytes)
		zone++;
	return zone;
}

static struct slot *pop(struct slot **list)
{
	struct slot *slot = *list;

	*list = slot->next;
	return slot;
}

static void push(struct slot **list, struct slot *slot)
{
	slot->next = *list;
	*list = slot;
}

/* The address of a slot that is now the caller's, or 0. */
static uintptr_t slot_alloc(unsigned number)
{
	struct zone *zone = &zones[number];
	struct slot *slot = kmalloc(sizeof(*slot));
	unsigned long flags;
	uintptr_t base = 0;

	flags = spin_lock(&lock);
	if (zone->free) {
		struct slot *found = pop(&zone->free);

		base = found->base;
		push(&spare, found);
	} else if (slot && zone->used_bytes + (SLOT_BYTES << number) <= ZONE_BYTES) {
		base = STACK_BASE + number * ZONE_BYTES + zone->used_bytes;
		zone->used_bytes += SLOT_BYTES << number;
		push(&spare, slot);
		slot = NULL;
	}
	spin_unlock(&lock, flags);
	kfree(slot);
	return base;
}

static void slot_free(unsigned number, uintptr_t base)
{
	unsigned long flags = spin_lock(&lock);
	struct slot *slot = pop(&spare);

	slot->base = base;
	push(&zones[number].free, slot);
	spin_unlock(&lock, flags);
}

static bool commit(uintptr_t page)
{
	uint64_t phys = page_alloc(0);

	if (!phys)
		return false;
	if (arch_map(page, phys, PAGE_BYTES, MAP_READ | MAP_WRITE) == 0)
		return true;
	page_free(phys, 0);
	return false;
}

void *stack_alloc(size_t *bytes)
{
	unsigned zone;
	uintptr_t base, top;

	*bytes = (*bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	zone = zone_of(*bytes);
	if (zone == ZONES)
		return NULL;
	base = slot_alloc(zone);
	if (!base)
		return NULL;
	top = base + GUARD_BYTES + *bytes;
	for (size_t done = PAGE_BYTES; done <= EAGER_BYTES && done <= *bytes;
	     done += PAGE_BYTES) {
		if (!commit(top - done)) {
			stack_free((void *)(base + GUARD_BYTES), *bytes);
			return NULL;
		}
	}
	return (void *)(base + GUARD_BYTES);
}

void stack_free(void *stack, size_t bytes)
{
	arch_unmap((uintptr_t)stack, bytes, release_page);
	slot_free(zone_of(bytes), (uintptr_t)stack - GUARD_BYTES);
}

static bool is_on_stack(const struct thread *thread, uintptr_t address)
{
	return thread->stack && address - (uintptr_t)thread->stack < thread->stack_bytes;
}

struct search {
	uintptr_t address;
	bool found;
};

static void look(const struct thread *thread, void *context)
{
	struct search *search = context;

	search->found |= is_on_stack(thread, search->address);
}

/* Threads hand each other memory on their stacks, which the owner may not have touched. */
static bool is_on_any_stack(uintptr_t address)
{
	struct search search = { .address = address };

	thread_each(look, &search);
	return search.found;
}

bool thread_stack_fault(uintptr_t address)
{
	const struct thread *self = arch_current();
	uintptr_t page = address & ~(PAGE_BYTES - 1);

	if (!self || (!is_on_stack(self, address) && !is_on_any_stack(address)) ||
	    arch_translate(page, NULL))
		return false;
	if (!commit(page))
		panic("stack: no memory left for a stack, touched by thread %d \"%s\"",
		      self->id, self->name);
	return true;
}
