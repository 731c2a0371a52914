/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-rng: feeds the random generator (VIRTIO 1.3 §5.4). One buffer is out at a time
 * and only when the generator asked for it: at boot until it has a good seed, then now
 * and again [RNG-03]. What comes is mixed in, never used by itself [RNG-02]. */

#include <errno.h>
#include <string.h>
#include <ferrule/entropy.h>
#include <kernel/heap.h>
#include <kernel/lock.h>
#include <kernel/page.h>
#include <kernel/random.h>
#include <virtio/virtio.h>

#define REQUEST_BYTES 64
/* Answers without progress after which a device is left alone until the next request. */
#define ANSWERS_MAX 64

struct rng {
	struct spinlock lock;
	struct virtqueue *queue;
	uint8_t *buffer; /* a page of its own; the device's while `out` */
	uint64_t buffer_phys;
	bool out;	  /* under lock */
	bool failed;	  /* under lock: broken, perhaps for a while only */
	unsigned answers; /* since the last request from outside; under lock */
	struct rng
		*next; /* list of devices; under rngs_lock, but may be read in no lock */
};

static struct rng *rngs;
static struct spinlock rngs_lock;

/* Exposes the buffer, zeroed and only to be written, if it is not out already. Under the
 * lock. */
static bool expose(struct rng *rng)
{
	struct virtio_piece piece = { rng->buffer_phys, REQUEST_BYTES };

	if (rng->out || rng->failed)
		return false;
	memset(rng->buffer, 0, REQUEST_BYTES);
	rng->out = !virtqueue_add(rng->queue, &piece, 0, 1, rng);
	return rng->out;
}

/* Asks for one answer. False: the device is broken. */
static bool request(struct rng *rng)
{
	unsigned long flags = spin_lock(&rng->lock);
	bool kick, usable = !rng->failed;

	rng->answers = 0;
	kick = expose(rng) && virtqueue_kick_prepare(rng->queue);
	spin_unlock(&rng->lock, flags);
	if (kick)
		virtqueue_notify(rng->queue);
	return usable;
}

bool random_source_request(void)
{
	bool any = false;

	for (struct rng *rng = __atomic_load_n(&rngs, __ATOMIC_ACQUIRE); rng;
	     rng = __atomic_load_n(&rng->next, __ATOMIC_ACQUIRE))
		any |= request(rng);
	return any;
}

/* §5.4.6: exactly the used length counts, which may be short [RNG-01]. */
static void rng_used(struct virtqueue *queue)
{
	struct rng *rng = virtqueue_device(queue)->driver_data;
	unsigned long flags = spin_lock(&rng->lock);
	uint8_t bytes[REQUEST_BYTES];
	uint32_t count = 0;
	bool kick = false;

	do {
		if (!virtqueue_get(queue, &count))
			continue;
		if (count > REQUEST_BYTES)
			count = REQUEST_BYTES;
		memcpy(bytes, rng->buffer, count);
		memset(rng->buffer, 0, REQUEST_BYTES);
		rng->out = false;
	} while (!virtqueue_enable_cb(queue) && !virtqueue_broken(queue));
	spin_unlock(&rng->lock, flags);
	if (count)
		ferrule_entropy_mix(bytes, count, true);
	memset(bytes, 0, sizeof(bytes));
	__asm__ volatile("" : : "r"(bytes) : "memory");
	if (ferrule_entropy_ready())
		return;
	flags = spin_lock(&rng->lock);
	if (++rng->answers < ANSWERS_MAX)
		kick = expose(rng) && virtqueue_kick_prepare(queue);
	spin_unlock(&rng->lock, flags);
	if (kick)
		virtqueue_notify(queue);
}

static int find_queue(struct virtio_device *device, struct rng *rng)
{
	static const struct virtqueue_wanted wanted = {
		.name = "requests", .size_max = 8, .callback = rng_used, .pieces_max = 1
	};

	return virtio_find_queues(device, &wanted, 1, &rng->queue);
}

static int rng_probe(struct virtio_device *device)
{
	struct rng *rng = kzalloc(sizeof(*rng));
	int error;

	if (!rng)
		return -ENOMEM;
	error = find_queue(device, rng);
	if (!error) {
		rng->buffer_phys = page_alloc(0);
		error = rng->buffer_phys ? 0 : -ENOMEM;
	}
	if (error) {
		kfree(rng);
		return error;
	}
	rng->buffer = phys_to_virt(rng->buffer_phys);
	memset(rng->buffer, 0, PAGE_BYTES);
	device->driver_data = rng;
	return 0;
}

static void rng_ready(struct virtio_device *device)
{
	struct rng *rng = device->driver_data;
	unsigned long flags = spin_lock(&rngs_lock);

	rng->next = rngs;
	__atomic_store_n(&rngs, rng, __ATOMIC_RELEASE);
	spin_unlock(&rngs_lock, flags);
}

/* After the reset: the buffer is ours again, and what is in it counts for nothing. */
static void rng_broken(struct virtio_device *device)
{
	struct rng *rng = device->driver_data;
	unsigned long flags = spin_lock(&rng->lock);

	rng->failed = true;
	while (virtqueue_detach(rng->queue))
		;
	rng->out = false;
	spin_unlock(&rng->lock, flags);
}

static int rng_restore(struct virtio_device *device)
{
	return find_queue(device, device->driver_data);
}

/* The request that was lost is made again if it is still wanted. */
static void rng_restored(struct virtio_device *device)
{
	struct rng *rng = device->driver_data;
	unsigned long flags = spin_lock(&rng->lock);

	rng->failed = false;
	spin_unlock(&rng->lock, flags);
	if (!ferrule_entropy_ready())
		request(rng);
}

/* Of the queue alone it is the same, in one go. */
static void rng_queue_broken(struct virtqueue *queue)
{
	rng_broken(virtqueue_device(queue));
}

static void rng_queue_restored(struct virtqueue *queue)
{
	rng_restored(virtqueue_device(queue));
}

/* Who still stands on it goes on from there: the record lasts a while (virtio.h). */
static void rng_removed(struct virtio_device *device)
{
	struct rng *rng = device->driver_data, **link = &rngs;
	unsigned long flags = spin_lock(&rngs_lock);

	while (*link && *link != rng)
		link = &(*link)->next;
	if (*link)
		__atomic_store_n(link, rng->next, __ATOMIC_RELEASE);
	spin_unlock(&rngs_lock, flags);
	page_free(rng->buffer_phys, 0);
	device->leftover = rng;
}

static const struct virtio_driver virtio_rng_driver = {
	.name = "rng",
	.device_id = VIRTIO_ID_ENTROPY,
	.probe = rng_probe,
	.ready = rng_ready,
	.broken = rng_broken,
	.restore = rng_restore,
	.restored = rng_restored,
	.queue_broken = rng_queue_broken,
	.queue_restored = rng_queue_restored,
	.removed = rng_removed,
};
VIRTIO_DRIVER(virtio_rng_driver);
