/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-balloon (VIRTIO 1.3 §5.5): features, queues, and the thread that does all work. */

#include <errno.h>
#include <string.h>
#include <kernel/cmdline.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <virtio/device/balloon.h>
#include <virtio/dma.h>

enum { POISON_NONE = -1 };
static int poison = POISON_NONE;

static void set_poison(const char *value)
{
	uint64_t byte;

	if (cmdline_number(value, 0, 255, &byte))
		poison = (int)byte;
	else
		log_warn("balloon_poison: a byte from 0 to 255 is wanted");
}
CMDLINE_KEY_APPLY(balloon_poison, "what memory the host gets is filled with: 0 to 255",
		  set_poison);

void balloon_poison(struct balloon *balloon, uint64_t phys, unsigned order)
{
	if (virtio_has(balloon->device, VIRTIO_BALLOON_F_PAGE_POISON))
		memset(phys_to_virt(phys), poison, PAGE_BYTES << order);
}

bool balloon_wait_used(struct balloon *balloon, struct virtqueue *queue)
{
	uint64_t deadline = clock_ns() + BALLOON_SILENCE_NS;
	bool used = false, late = false;
	struct wait wait;

	wait_begin(&balloon->wake, &wait);
	while (!used && !late && !balloon->failed && !virtqueue_broken(queue)) {
		used = virtqueue_get(queue, NULL) != NULL;
		if (!used && virtqueue_enable_cb(queue))
			late = !wait_sleep(&wait, deadline);
	}
	wait_end(&wait);
	if (late)
		virtio_device_silent(balloon->device, 0, "it does not answer");
	return used;
}

bool balloon_tell(struct balloon *balloon, struct virtqueue *queue,
		  const struct virtio_piece *pieces, unsigned readable, unsigned writable)
{
	if (balloon->failed || virtqueue_add(queue, pieces, readable, writable, balloon))
		return false;
	virtqueue_kick(queue);
	return balloon_wait_used(balloon, queue);
}

void balloon_attend(struct balloon *balloon)
{
	__atomic_store_n(&balloon->attention, true, __ATOMIC_RELEASE);
	wait_wake(&balloon->wake, WAKE_ALL, 0);
}

/* Every queue but the deflate queue: its thread looks. */
static void balloon_used(struct virtqueue *queue)
{
	balloon_attend(virtqueue_device(queue)->driver_data);
}

static uint64_t next_look(const struct balloon *balloon)
{
	uint64_t next = balloon->retry_ns ? balloon->retry_ns : NO_DEADLINE;

	if (balloon->report && balloon->report_ns < next)
		next = balloon->report_ns;
	return balloon->failed ? NO_DEADLINE : next;
}

static void release_pages(struct balloon *balloon)
{
	if (balloon->stats_phys)
		page_free(balloon->stats_phys, 0);
	if (balloon->hint_phys)
		page_free(balloon->hint_phys, 0);
	if (balloon->hint_spare)
		page_free(virt_to_phys(balloon->hint_spare), 0);
	balloon_pages_release(balloon);
}

static void run(void *argument)
{
	struct balloon *balloon = argument;
	struct wait wait;

	while (!__atomic_load_n(&balloon->removed, __ATOMIC_ACQUIRE)) {
		mutex_lock(&balloon->work);
		if (!balloon->failed) {
			balloon_pages_follow(balloon);
			balloon_idle_follow(balloon);
			if (balloon->stats)
				balloon_stats_follow(balloon);
		}
		mutex_unlock(&balloon->work);
		wait_begin(&balloon->wake, &wait);
		while (!__atomic_exchange_n(&balloon->attention, false, __ATOMIC_ACQ_REL))
			if (!wait_sleep(&wait, next_look(balloon)))
				break;
		wait_end(&wait);
	}
	/* It was unplugged: whoever is in the middle of a call comes to its end. */
	thread_sleep_until(clock_ns() + NS_PER_SEC);
	release_pages(balloon);
	kfree(balloon);
}

/* The optional queues are numbered without gaps, by what is offered, not by what was
 * accepted: that is how devices count (§5.5.2 says otherwise) [BAL-11]. */
static int find_queues(struct balloon *balloon)
{
	struct virtqueue_wanted wanted[5] = {
		{ .name = "inflate",
		  .index = 0,
		  .callback = balloon_used,
		  .pieces_max = 1 },
		{ .name = "deflate",
		  .index = 1,
		  .callback = balloon_deflated,
		  .pieces_max = 1 },
	};
	static const struct {
		const char *name;
		unsigned feature, pieces_max;
		void (*callback)(struct virtqueue *queue);
	} optional[] = {
		{ "stats", VIRTIO_BALLOON_F_STATS_VQ, 1, balloon_used },
		{ "hint", VIRTIO_BALLOON_F_FREE_PAGE_HINT, 1, NULL },
		{ "report", VIRTIO_BALLOON_F_PAGE_REPORTING, BALLOON_BLOCKS,
		  balloon_used },
	};
	struct virtqueue **places[] = { &balloon->stats, &balloon->hint,
					&balloon->report };
	struct virtqueue *queues[5];
	unsigned index = 2, count = 2;
	int error;

	for (unsigned i = 0; i < 3; i++) {
		if (!virtio_features_has(&balloon->device->offered, optional[i].feature))
			continue;
		if (virtio_has(balloon->device, optional[i].feature))
			wanted[count++] = (struct virtqueue_wanted){
				.name = optional[i].name,
				.index = index,
				.callback = optional[i].callback,
				.pieces_max = optional[i].pieces_max,
			};
		index++;
	}
	error = virtio_find_queues(balloon->device, wanted, count, queues);
	if (error)
		return error;
	balloon->inflate = queues[0];
	balloon->deflate = queues[1];
	count = 2;
	for (unsigned i = 0; i < 3; i++)
		if (virtio_has(balloon->device, optional[i].feature))
			*places[i] = queues[count++];
	return 0;
}

/* Queues, memory, and what must be written before DRIVER_OK [BAL-10]. */
static int prepare(struct balloon *balloon)
{
	int error = find_queues(balloon);

	if (!error)
		error = balloon_pages_prepare(balloon);
	if (!error)
		error = balloon_idle_prepare(balloon);
	if (!error && balloon->stats)
		error = balloon_stats_prepare(balloon);
	if (!error && virtio_has(balloon->device, VIRTIO_BALLOON_F_PAGE_POISON))
		virtio_config_write32(balloon->device, BALLOON_CONFIG_POISON,
				      (uint32_t)poison * 0x01010101u);
	return error;
}

/* Who fills nothing must not say that it does (§5.5.6.6). */
static void balloon_validate(struct virtio_device *device, struct virtio_features *wanted)
{
	(void)device;
	if (poison == POISON_NONE)
		virtio_features_clear(wanted, VIRTIO_BALLOON_F_PAGE_POISON);
	/* Pages are reported as buffers: with a bounce arena the device would be shown the
	 * arena's pages instead. */
	if (virtio_dma()) {
		virtio_features_clear(wanted, VIRTIO_BALLOON_F_FREE_PAGE_HINT);
		virtio_features_clear(wanted, VIRTIO_BALLOON_F_PAGE_REPORTING);
	}
}

static int balloon_probe(struct virtio_device *device)
{
	struct balloon *balloon = kzalloc(sizeof(*balloon));
	int error;

	if (!balloon)
		return -ENOMEM;
	balloon->device = device;
	error = prepare(balloon);
	if (error) {
		release_pages(balloon);
		kfree(balloon);
		return error;
	}
	device->driver_data = balloon;
	return 0;
}

static void balloon_ready(struct virtio_device *device)
{
	struct balloon *balloon = device->driver_data;

	balloon_pages_start();
	if (balloon->stats)
		balloon_stats_start(balloon);
	if (!thread_create("balloon", run, balloon))
		log_error("balloon: no memory for its thread: the host gets nothing");
}

static void balloon_config_changed(struct virtio_device *device)
{
	struct balloon *balloon = device->driver_data;

	__atomic_fetch_add(&balloon->changes, 1, __ATOMIC_RELEASE);
	balloon_attend(balloon);
}

static void balloon_broken(struct virtio_device *device)
{
	struct balloon *balloon = device->driver_data;

	if (!balloon)
		return;
	__atomic_store_n(&balloon->failed, true, __ATOMIC_RELEASE);
	balloon_attend(balloon);
}

/* A device that was reset knows of no page, so all are ours; what it still wants it gets
 * anew. The thread has let go of its queues when the mutex is free. */
static void forget(struct balloon *balloon)
{
	balloon_pages_forget(balloon);
	balloon_idle_forget(balloon);
	balloon->stats_out = false;
}

/* The thread is at work with the queues, and lets go of them soon, as it is `failed`. */
bool balloon_quiet(struct virtio_device *device)
{
	struct balloon *balloon = device->driver_data;

	if (balloon && !mutex_trylock(&balloon->work))
		return false;
	if (balloon)
		mutex_unlock(&balloon->work);
	return true;
}

static int balloon_restore(struct virtio_device *device)
{
	struct balloon *balloon = device->driver_data;
	int error;

	mutex_lock(&balloon->work);
	forget(balloon);
	error = prepare(balloon);
	mutex_unlock(&balloon->work);
	return error;
}

static void balloon_restored(struct virtio_device *device)
{
	struct balloon *balloon = device->driver_data;

	if (balloon->stats)
		balloon_stats_start(balloon);
	__atomic_store_n(&balloon->failed, false, __ATOMIC_RELEASE);
	balloon_attend(balloon);
}

static void balloon_removed(struct virtio_device *device)
{
	struct balloon *balloon = device->driver_data;

	mutex_lock(&balloon->work);
	forget(balloon);
	mutex_unlock(&balloon->work);
	device->driver_data = NULL; /* its thread frees it */
	__atomic_store_n(&balloon->removed, true, __ATOMIC_RELEASE);
	balloon_attend(balloon);
}

static const struct virtio_driver virtio_balloon_driver = {
	.name = "balloon",
	.device_id = VIRTIO_ID_BALLOON,
	.wanted = VIRTIO_FEATURES(VIRTIO_BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST) |
				  VIRTIO_BIT(VIRTIO_BALLOON_F_STATS_VQ) |
				  VIRTIO_BIT(VIRTIO_BALLOON_F_DEFLATE_ON_OOM) |
				  VIRTIO_BIT(VIRTIO_BALLOON_F_FREE_PAGE_HINT) |
				  VIRTIO_BIT(VIRTIO_BALLOON_F_PAGE_POISON) |
				  VIRTIO_BIT(VIRTIO_BALLOON_F_PAGE_REPORTING)),
	.validate = balloon_validate,
	.probe = balloon_probe,
	.ready = balloon_ready,
	.config_changed = balloon_config_changed,
	.broken = balloon_broken,
	.quiet = balloon_quiet,
	.restore = balloon_restore,
	.restored = balloon_restored,
	.queue_broken = balloon_queue_broken,
	.queue_restored = balloon_queue_restored,
	.queue_leaks = balloon_queue_leaks,
	.queue_quiet = balloon_queue_quiet,
	.removed = balloon_removed,
};
VIRTIO_DRIVER(virtio_balloon_driver);

bool ferrule_balloon_info(struct ferrule_balloon_info *out)
{
	for (struct virtio_device *each = virtio_devices; each; each = each->next) {
		const struct balloon *balloon = each->driver_data;

		if (each->id != VIRTIO_ID_BALLOON || !each->live || !balloon)
			continue;
		*out = (struct ferrule_balloon_info){
			.target_bytes = (uint64_t)virtio_config_read32(
						each, BALLOON_CONFIG_NUM_PAGES)
					<< BALLOON_PAGE_SHIFT,
			.held_bytes = (uint64_t)balloon->held << BALLOON_PAGE_SHIFT,
			.reported_bytes = balloon->reported,
			.hinted_bytes = balloon->hinted_bytes,
			.reclaimed_bytes = balloon->reclaimed,
		};
		return true;
	}
	return false;
}
