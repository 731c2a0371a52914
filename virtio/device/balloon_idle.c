/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Telling the host of memory that lies idle.
 *
 * Reporting (VIRTIO 1.3 §5.5.6.7): now and then, large free blocks; they are ours again
 * as soon as the device has acknowledged them, with unknown contents [BAL-09] [BAL-12].
 * Hinting (§5.5.6.5): during a migration, all that can be spared; those blocks stay away
 * until the host says that it is done. */

#include <errno.h>
#include <virtio/device/balloon.h>

#define REPORT_ORDER_MIN 6 /* 256 KiB: smaller ones cost the host more than they give */
#define REPORT_NS	 (2 * NS_PER_SEC)
/* The device has that much of the free memory at a time, and no more than this. */
#define REPORT_PART	 8
#define REPORT_BYTES_MAX (UINT64_C(64) << 20)

/* §5.5.6.5 */
enum { HINT_STOP = 0, HINT_DONE = 1, HINT_FIRST = 2 };
#define HINT_ORDER_MAX	9
#define HINT_ORDER_MIN	4 /* a record holds the order in the page number's low bits */
#define HINT_ORDER_MASK 15u
#define HINT_KEEP_PART	8 /* of all RAM stays with the program */

static void give_back(struct balloon_block *blocks, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		page_give_reported(blocks[i].phys, blocks[i].order);
}

static unsigned order_within(uint64_t bytes)
{
	return 63 - (unsigned)__builtin_clzll(bytes >> PAGE_SHIFT);
}

/* Blocks of at most `bytes` together. */
static unsigned gather(struct balloon *balloon, struct balloon_block *blocks,
		       uint64_t bytes)
{
	unsigned most = virtqueue_size(balloon->report), count = 0;

	if (most > BALLOON_BLOCKS)
		most = BALLOON_BLOCKS;
	while (count < most && bytes >= PAGE_BYTES << REPORT_ORDER_MIN) {
		struct balloon_block *block = &blocks[count];

		block->phys = page_take_unreported(REPORT_ORDER_MIN, order_within(bytes),
						   &block->order);
		if (!block->phys)
			break;
		bytes -= PAGE_BYTES << block->order;
		count++;
	}
	return count;
}

static bool tell_blocks(struct balloon *balloon, const struct balloon_block *blocks,
			unsigned count)
{
	struct virtio_piece pieces[BALLOON_BLOCKS];

	for (unsigned i = 0; i < count; i++) {
		balloon_poison(balloon, blocks[i].phys, blocks[i].order);
		balloon->reported += PAGE_BYTES << blocks[i].order;
		pieces[i] = (struct virtio_piece){
			blocks[i].phys, (uint32_t)(PAGE_BYTES << blocks[i].order)
		};
	}
	return balloon_tell(balloon, balloon->report, pieces, 0, count);
}

/* Most of what is free stays so meanwhile. A power of two: then one block is cut at most. */
static uint64_t batch_bytes(void)
{
	struct page_stats stats;
	uint64_t part;

	page_stats(&stats);
	part = stats.free_bytes / REPORT_PART;
	if (part < PAGE_BYTES)
		return 0;
	return part < REPORT_BYTES_MAX ? PAGE_BYTES << order_within(part)
				       : REPORT_BYTES_MAX;
}

/* Blocks that the device did not acknowledge are its own until it was reset. What is used
 * and freed again and again meanwhile does not keep this going: there is a next time. */
static void report(struct balloon *balloon)
{
	uint64_t before = balloon->reported;
	struct page_stats stats;

	if (balloon->block_count) /* not answered: it, or the queue, is about to be reset */
		return;
	page_stats(&stats);
	while (balloon->reported - before < stats.total_bytes) {
		balloon->block_count = gather(balloon, balloon->blocks, batch_bytes());
		if (!balloon->block_count ||
		    !tell_blocks(balloon, balloon->blocks, balloon->block_count))
			return;
		give_back(balloon->blocks, balloon->block_count);
		balloon->block_count = 0;
	}
}

/* The hint queue has no interrupt: a migration is rare and the answers are awaited in
 * bulk. Takes back what was used; sleeps until all was, or there is room again. */
static bool hint_settle(struct balloon *balloon, bool all)
{
	uint64_t deadline = clock_ns() + BALLOON_SILENCE_NS;

	for (;;) {
		while (virtqueue_get(balloon->hint, NULL)) {
			balloon->hint_out--;
			deadline = clock_ns() + BALLOON_SILENCE_NS;
		}
		if (balloon->failed || virtqueue_broken(balloon->hint))
			return false;
		if (!balloon->hint_out || (!all && virtqueue_free(balloon->hint)))
			return true;
		if (clock_ns() >= deadline) {
			virtio_device_silent(balloon->device, 0,
					     "it keeps hints for ever");
			return false;
		}
		thread_sleep_until(clock_ns() + NS_PER_MS);
	}
}

static bool hint_add(struct balloon *balloon, const struct virtio_piece *piece,
		     bool writable)
{
	if (!hint_settle(balloon, false) ||
	    virtqueue_add(balloon->hint, piece, !writable, writable, balloon))
		return false;
	balloon->hint_out++;
	virtqueue_kick(balloon->hint);
	return true;
}

/* Four bytes, whatever they say [BAL-08]; a word of its own each, as both may be out. */
static bool say(struct balloon *balloon, uint32_t command)
{
	unsigned word = command == HINT_STOP;
	struct virtio_piece piece = { balloon->hint_phys + word * sizeof(command),
				      sizeof(command) };

	balloon->hint_words[word] = command;
	return hint_add(balloon, &piece, false);
}

/* The largest block that can be spared; 0: none. */
static uint64_t spare_block(unsigned *order)
{
	struct page_stats stats;
	uint64_t keep, phys = 0;

	while (*order >= HINT_ORDER_MIN) {
		page_stats(&stats);
		keep = stats.total_bytes / HINT_KEEP_PART + (PAGE_BYTES << *order);
		phys = stats.free_bytes > keep ? page_alloc(*order) : 0;
		if (phys)
			break;
		--*order;
	}
	return phys;
}

/* Gives blocks one by one until the configuration changes: the command may have been
 * withdrawn. False: the device is broken. */
static bool hint_blocks(struct balloon *balloon, unsigned changes)
{
	unsigned order = HINT_ORDER_MAX;
	struct virtio_piece piece;

	while (__atomic_load_n(&balloon->changes, __ATOMIC_ACQUIRE) == changes) {
		if (!balloon->hint_spare)
			balloon->hint_spare = balloon_chunk_new();
		piece.address = balloon->hint_spare ? spare_block(&order) : 0;
		if (!piece.address)
			break;
		piece.bytes = (uint32_t)(PAGE_BYTES << order);
		balloon_poison(balloon, piece.address, order);
		balloon_chunk_push(&balloon->hinted, &balloon->hint_spare,
				   (uint32_t)(piece.address >> PAGE_SHIFT) | order);
		balloon->hinted_bytes += piece.bytes;
		if (!hint_add(balloon, &piece, true))
			return false;
	}
	return true;
}

static void hint_release(struct balloon *balloon)
{
	uint32_t record;

	while (balloon_chunk_pop(&balloon->hinted, &record)) {
		unsigned order = record & HINT_ORDER_MASK;

		page_free((uint64_t)(record - order) << PAGE_SHIFT, order);
	}
	balloon->hinted_bytes = 0;
}

static void hint(struct balloon *balloon)
{
	unsigned changes = __atomic_load_n(&balloon->changes, __ATOMIC_ACQUIRE);
	uint32_t command = virtio_config_read32(balloon->device,
						BALLOON_CONFIG_HINT_COMMAND);

	if (command == HINT_DONE)
		hint_release(balloon);
	if (command == balloon->hint_id)
		return;
	balloon->hint_id = command;
	if (command < HINT_FIRST)
		return;
	/* All at once: a host that is served slowly spins meanwhile. */
	if (!say(balloon, command) || !hint_blocks(balloon, changes) ||
	    !say(balloon, HINT_STOP) || !hint_settle(balloon, true))
		balloon->hint_id = HINT_STOP; /* again, should only the queue be broken */
}

void balloon_idle_follow(struct balloon *balloon)
{
	if (balloon->hint)
		hint(balloon);
	if (!balloon->report || clock_ns() < balloon->report_ns)
		return;
	report(balloon);
	balloon->report_ns = clock_ns() + REPORT_NS;
}

void balloon_report_forget(struct balloon *balloon)
{
	for (unsigned i = 0; i < balloon->block_count; i++)
		page_free(balloon->blocks[i].phys, balloon->blocks[i].order);
	balloon->block_count = 0;
}

/* The blocks stay away all the same: the host may have heard of them (§5.5.6.5). */
void balloon_hint_forget(struct balloon *balloon)
{
	balloon->hint_out = 0;
}

void balloon_idle_forget(struct balloon *balloon)
{
	balloon_report_forget(balloon);
	balloon_hint_forget(balloon);
	hint_release(balloon);
	balloon->hint_id = HINT_STOP;
}

int balloon_idle_prepare(struct balloon *balloon)
{
	balloon->report_ns = clock_ns() + REPORT_NS;
	if (!balloon->hint || balloon->hint_words)
		return 0;
	balloon->hint_phys = page_alloc(0);
	if (!balloon->hint_phys)
		return -ENOMEM;
	balloon->hint_words = phys_to_virt(balloon->hint_phys);
	return 0;
}
