/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The balloon's pages (VIRTIO 1.3 §5.5.6.1). A page goes in only when the device has
 * acknowledged it, and comes out only when the device has acknowledged that, whether or
 * not MUST_TELL_HOST was negotiated [BAL-02] [BAL-03]. */

#include <errno.h>
#include <kernel/cmdline.h>
#include <kernel/log.h>
#include <virtio/device/balloon.h>

#define FLOOR_MIN  (UINT64_C(2) << 20)
#define FLOOR_PART 8 /* of all RAM */
#define RETRY_NS   NS_PER_SEC
#define RECLAIM_NS (20 * NS_PER_MS) /* who allocates waits at most this long */

static uint64_t floor_bytes; /* 0: not said on the command line */

static void set_floor(const char *value)
{
	if (!cmdline_bytes(value, 1, UINT64_MAX, &floor_bytes))
		log_warn("balloon_floor: a number of bytes, K, M or G is wanted");
}
CMDLINE_KEY_APPLY(balloon_floor, "free memory the balloon leaves: BYTES, K, M or G",
		  set_floor);

/* Pages the balloon may still take without starving the program [BAL-05]. */
static uint64_t room(void)
{
	struct page_stats stats;
	uint64_t keep;

	page_stats(&stats);
	keep = stats.total_bytes / FLOOR_PART;
	if (keep < FLOOR_MIN)
		keep = FLOOR_MIN;
	if (floor_bytes)
		keep = floor_bytes;
	return stats.free_bytes > keep ? (stats.free_bytes - keep) >> PAGE_SHIFT : 0;
}

struct balloon_chunk *balloon_chunk_new(void)
{
	uint64_t phys = page_alloc(0);
	struct balloon_chunk *chunk = phys ? phys_to_virt(phys) : NULL;

	if (chunk) {
		chunk->next = NULL;
		chunk->count = 0;
	}
	return chunk;
}

void balloon_chunk_push(struct balloon_chunk **chunks, struct balloon_chunk **spare,
			uint32_t page)
{
	struct balloon_chunk *chunk = *chunks;

	if (!chunk || chunk->count == BALLOON_CHUNK) {
		chunk = *spare;
		*spare = NULL;
		chunk->next = *chunks;
		*chunks = chunk;
	}
	chunk->pages[chunk->count++] = page;
}

bool balloon_chunk_pop(struct balloon_chunk **chunks, uint32_t *page)
{
	struct balloon_chunk *chunk = *chunks;

	if (!chunk)
		return false;
	*page = chunk->pages[--chunk->count];
	if (chunk->count == 0) {
		*chunks = chunk->next;
		page_free(virt_to_phys(chunk), 0);
	}
	return true;
}

/* One 32-bit write [BAL-04]. Whoever comes in between writes first, but the last word is what
 * is true then. */
static void say_actual(struct balloon *balloon)
{
	uint32_t held;

	do {
		held = __atomic_load_n(&balloon->held, __ATOMIC_ACQUIRE);
		virtio_config_write32(balloon->device, BALLOON_CONFIG_ACTUAL, held);
	} while (__atomic_load_n(&balloon->held, __ATOMIC_ACQUIRE) != held);
}

/* §5.5.6.6: who was promised poison finds it. */
static void free_pages(struct balloon *balloon, const uint32_t *pages, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t phys = (uint64_t)pages[i] << PAGE_SHIFT;

		balloon_poison(balloon, phys, 0);
		page_free(phys, 0);
	}
}

/* The device has acknowledged them: nobody touches them from here on [BAL-02]. */
static void keep(struct balloon *balloon)
{
	unsigned long flags = spin_lock(&balloon->lock);

	for (unsigned i = 0; i < balloon->inflating; i++)
		balloon_chunk_push(&balloon->chunks, &balloon->spare,
				   balloon->inflate_pages[i]);
	balloon->held += balloon->inflating;
	balloon->inflating = 0;
	spin_unlock(&balloon->lock, flags);
	say_actual(balloon);
}

/* False: broken, or no room to map the buffer. */
static bool inflate_add(struct balloon *balloon, unsigned count)
{
	struct virtio_piece piece = { balloon->inflate_phys,
				      count * (uint32_t)sizeof(uint32_t) };

	return !virtqueue_add(balloon->inflate, &piece, 1, 0, balloon);
}

/* If it fails the device may have them until it was reset, or is told again. */
static bool inflate_end(struct balloon *balloon)
{
	virtqueue_kick(balloon->inflate);
	if (!balloon_wait_used(balloon, balloon->inflate))
		return false;
	keep(balloon);
	return true;
}

/* What the device was told of when the queue broke: it may have them already, which is no
 * reason not to say so twice. */
static bool inflate_again(struct balloon *balloon)
{
	return inflate_add(balloon, balloon->inflating) && inflate_end(balloon);
}

/* One batch; false: there is no memory to give now, or the device is broken. The record's
 * page is there before the first page is taken. */
static bool inflate(struct balloon *balloon, uint32_t wanted)
{
	uint64_t most = room();
	unsigned count = 0;

	if (!balloon->spare)
		balloon->spare = balloon_chunk_new();
	if (!balloon->spare)
		return false;
	if (wanted > BALLOON_BATCH)
		wanted = BALLOON_BATCH;
	for (; count < wanted && count < most; count++) {
		uint64_t phys = page_alloc(0);

		if (!phys)
			break;
		balloon->inflate_pages[count] = (uint32_t)(phys >> PAGE_SHIFT);
	}
	if (!count)
		return false;
	if (!inflate_add(balloon, count)) {
		free_pages(balloon, balloon->inflate_pages, count);
		return false;
	}
	balloon->inflating = count;
	return inflate_end(balloon);
}

/* Puts up to `wanted` pages on their way out, with those that found no room before. Under
 * the lock; false: the device is told of none now. */
static bool deflate_add(struct balloon *balloon, uint32_t wanted)
{
	struct virtio_piece piece = { balloon->deflate_phys, 0 };
	unsigned *count = &balloon->deflating;

	if (balloon->deflate_out || balloon->failed)
		return false;
	while (*count < wanted && *count < BALLOON_BATCH &&
	       balloon_chunk_pop(&balloon->chunks, &balloon->deflate_pages[*count])) {
		++*count;
		balloon->held--;
	}
	if (!*count)
		return false;
	piece.bytes = *count * (uint32_t)sizeof(uint32_t);
	/* If it is broken they are ours again after the reset. */
	balloon->deflate_out = !virtqueue_add(balloon->deflate, &piece, 1, 0, balloon);
	return balloon->deflate_out;
}

static bool deflate_start(struct balloon *balloon, uint32_t wanted)
{
	unsigned long flags = spin_lock(&balloon->lock);
	bool started = deflate_add(balloon, wanted);
	bool kick = started && virtqueue_kick_prepare(balloon->deflate);

	spin_unlock(&balloon->lock, flags);
	if (kick)
		virtqueue_notify(balloon->deflate);
	return started;
}

/* Frees what the device has let go. False: nothing, and an interrupt follows when there is.
 * Any context. */
static bool deflate_end(struct balloon *balloon)
{
	unsigned long flags = spin_lock(&balloon->lock);
	unsigned count = 0;
	bool armed = true;

	if (!balloon->failed && virtqueue_get(balloon->deflate, NULL)) {
		count = balloon->deflating;
		free_pages(balloon, balloon->deflate_pages, count);
		balloon->deflated += count;
		balloon->deflating = 0;
		__atomic_store_n(&balloon->deflate_out, false, __ATOMIC_RELEASE);
	} else if (!balloon->failed && !virtqueue_broken(balloon->deflate)) {
		armed = virtqueue_enable_cb(balloon->deflate);
	}
	spin_unlock(&balloon->lock, flags);
	if (count)
		say_actual(balloon);
	return count || !armed;
}

void balloon_deflated(struct virtqueue *queue)
{
	struct balloon *balloon = virtqueue_device(queue)->driver_data;

	while (deflate_end(balloon))
		;
	wait_wake(&balloon->wake, WAKE_ALL, 0);
}

/* One batch, or the one that reclaim() has begun. */
static bool deflate(struct balloon *balloon, uint32_t wanted)
{
	uint64_t deadline = clock_ns() + BALLOON_SILENCE_NS;
	struct wait wait;
	bool late = false;

	if (!deflate_start(balloon, wanted) && !balloon->deflate_out)
		return false;
	wait_begin(&balloon->wake, &wait);
	while (!late && __atomic_load_n(&balloon->deflate_out, __ATOMIC_ACQUIRE) &&
	       !balloon->failed)
		late = !wait_sleep(&wait, deadline);
	wait_end(&wait);
	if (late)
		virtio_device_silent(balloon->device, 0,
				     "it holds deflated pages for ever");
	return !late && !balloon->failed;
}

void balloon_pages_follow(struct balloon *balloon)
{
	bool more = true;

	while (more && !balloon->failed) {
		/* §5.5.6.1: it may have changed meanwhile; it is only ever a wish. */
		uint32_t target = virtio_config_read32(balloon->device,
						       BALLOON_CONFIG_NUM_PAGES);

		bool unsent = balloon->deflating && !balloon->deflate_out;

		if (balloon->inflating)
			more = inflate_again(balloon);
		else if (target > balloon->held && !unsent)
			more = inflate(balloon, target - balloon->held);
		else if (target < balloon->held)
			more = deflate(balloon, balloon->held - target);
		else
			more = unsent && deflate(balloon, 0);
		unsent = balloon->deflating && !balloon->deflate_out;
		balloon->retry_ns = target > balloon->held || unsent || balloon->inflating
					    ? clock_ns() + RETRY_NS
					    : 0;
	}
}

void balloon_deflate_lost(struct balloon *balloon)
{
	unsigned long flags = spin_lock(&balloon->lock);

	while (virtqueue_detach(balloon->deflate))
		;
	__atomic_store_n(&balloon->deflate_out, false, __ATOMIC_RELEASE);
	spin_unlock(&balloon->lock, flags);
}

void balloon_deflate_again(struct balloon *balloon)
{
	deflate_start(balloon, 0);
}

/* The program runs out of memory: some of the balloon's comes back, if the device agrees
 * within a moment [BAL-06]. Any context, so it is polled for. */
static size_t reclaim(size_t pages)
{
	struct balloon *balloon = NULL;
	uint64_t deadline = clock_ns() + RECLAIM_NS;
	uint64_t before;

	for (struct virtio_device *each = virtio_devices; each; each = each->next)
		if (each->id == VIRTIO_ID_BALLOON && each->live)
			balloon = each->driver_data;
	if (!balloon || !virtio_has(balloon->device, VIRTIO_BALLOON_F_DEFLATE_ON_OOM))
		return 0;
	if (pages < BALLOON_BATCH) /* whoever runs out wants more soon */
		pages = BALLOON_BATCH;
	before = balloon->deflated;
	deflate_start(balloon, pages > UINT32_MAX ? UINT32_MAX : (uint32_t)pages);
	while (__atomic_load_n(&balloon->deflate_out, __ATOMIC_ACQUIRE) &&
	       !balloon->failed && clock_ns() < deadline)
		deflate_end(balloon);
	before = balloon->deflated - before;
	balloon->reclaimed += before << PAGE_SHIFT;
	return before;
}

/* They may be many: not under the lock. Nobody else touches them while it is `failed`. */
void balloon_pages_forget(struct balloon *balloon)
{
	unsigned long flags = spin_lock(&balloon->lock);
	struct balloon_chunk *chunks = balloon->chunks;
	uint32_t page;

	balloon->chunks = NULL;
	balloon->held = 0;
	spin_unlock(&balloon->lock, flags);
	free_pages(balloon, balloon->deflate_pages, balloon->deflating);
	free_pages(balloon, balloon->inflate_pages, balloon->inflating);
	balloon->deflating = balloon->inflating = 0;
	balloon->deflate_out = false;
	while (balloon_chunk_pop(&chunks, &page))
		free_pages(balloon, &page, 1);
}

int balloon_pages_prepare(struct balloon *balloon)
{
	if (balloon->inflate_pages)
		return 0;
	balloon->inflate_phys = page_alloc(0);
	balloon->deflate_phys = page_alloc(0);
	if (!balloon->inflate_phys || !balloon->deflate_phys)
		return -ENOMEM;
	balloon->inflate_pages = phys_to_virt(balloon->inflate_phys);
	balloon->deflate_pages = phys_to_virt(balloon->deflate_phys);
	return 0;
}

void balloon_pages_release(struct balloon *balloon)
{
	if (balloon->spare)
		page_free(virt_to_phys(balloon->spare), 0);
	if (balloon->inflate_phys)
		page_free(balloon->inflate_phys, 0);
	if (balloon->deflate_phys)
		page_free(balloon->deflate_phys, 0);
}

/* Reclaimers are never taken off their list, so there is one for all balloons. */
void balloon_pages_start(void)
{
	static struct page_reclaimer reclaimer = { .reclaim = reclaim };
	static bool there;

	if (!__atomic_exchange_n(&there, true, __ATOMIC_ACQ_REL))
		page_reclaimer_add(&reclaimer);
}
