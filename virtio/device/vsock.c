/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-vsock (VIRTIO 1.3 §5.10): the driver, and its event queue. */

#include <errno.h>
#include <string.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <virtio/device/vsock.h>

#define CONFIG_GUEST_CID 0
#define EVENT_RESET	 0 /* VIRTIO_VSOCK_EVENT_TRANSPORT_RESET */
#define EVENT_BYTES	 4
#define EVENT_STRIDE	 16

struct vsock *vsock_device;
static bool over; /* atomic: every connection is, and nobody was told */

static void nobody(void)
{
}
void (*vsock_attention)(void) = nobody;

bool vsock_attach(void (*attention)(void))
{
	if (vsock_attention != nobody)
		return false;
	__atomic_store_n(&vsock_attention, attention, __ATOMIC_RELEASE);
	attention();
	return true;
}

struct vsock *vsock_current(void)
{
	struct vsock *vsock = __atomic_load_n(&vsock_device, __ATOMIC_ACQUIRE);

	return vsock && !__atomic_load_n(&vsock->failed, __ATOMIC_ACQUIRE) ? vsock : NULL;
}

uint64_t vsock_cid(void)
{
	struct vsock *vsock = vsock_current();

	return vsock ? __atomic_load_n(&vsock->cid, __ATOMIC_RELAXED) : 0;
}

/* §5.10.3.1: no bit at all means streams; SEQPACKET may mean them as well, unless
 * NO_IMPLIED_STREAM says that it does not [VSK-01]. */
bool vsock_has_type(enum vsock_type type)
{
	struct vsock *vsock = vsock_current();

	if (!vsock)
		return false;
	if (type == VIRTIO_VSOCK_TYPE_SEQPACKET)
		return virtio_has(vsock->device, VIRTIO_VSOCK_F_SEQPACKET);
	return type == VIRTIO_VSOCK_TYPE_STREAM &&
	       (virtio_has(vsock->device, VIRTIO_VSOCK_F_STREAM) ||
		!virtio_has(vsock->device, VIRTIO_VSOCK_F_NO_IMPLIED_STREAM));
}

/* --- events ----------------------------------------------------------------------------- */

static void post_events(struct vsock *vsock)
{
	while (vsock->event_idle && virtqueue_free(vsock->event)) {
		unsigned token = (unsigned)__builtin_ctzll(vsock->event_idle) + 1;
		struct virtio_piece piece = {
			vsock->event_phys + (token - 1) * EVENT_STRIDE, EVENT_BYTES
		};

		if (virtqueue_add(vsock->event, &piece, 0, 1, (void *)(uintptr_t)token))
			break;
		vsock->event_idle &= ~vsock_bit(token);
	}
}

/* A reserved CID is none (§5.10.4), and so is one of more than 32 bits [VSK-02]. */
static bool read_cid(struct vsock *vsock)
{
	uint64_t cid = virtio_config_read64(vsock->device, CONFIG_GUEST_CID);
	bool good = cid > VSOCK_CID_HOST && cid < UINT32_MAX;

	if (!good)
		log_error("vsock: the device gives us the context id %#llx",
			  (unsigned long long)cid);
	__atomic_store_n(&vsock->cid, good ? cid : 0, __ATOMIC_RELAXED);
	return good;
}

static void on_event(struct vsock *vsock, unsigned token, uint32_t written)
{
	uint32_t id;

	memcpy(&id, (char *)phys_to_virt(vsock->event_phys) + (token - 1) * EVENT_STRIDE,
	       sizeof(id));
	if (written < EVENT_BYTES || id != EVENT_RESET)
		return;
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	read_cid(vsock);
}

/* [VSK-09] Buffers go back at once. As many as there are, then it is others' turn. */
static void take_events(struct vsock *vsock)
{
	for (unsigned tries = 0; tries < VSOCK_EVENTS; tries++) {
		uint32_t written;
		unsigned token = (unsigned)(uintptr_t)virtqueue_get(vsock->event,
								    &written);

		if (token) {
			on_event(vsock, token, written);
			vsock->event_idle |= vsock_bit(token);
		} else if (virtqueue_enable_cb(vsock->event) ||
			   virtqueue_broken(vsock->event)) {
			return;
		}
	}
	vsock_attention();
}

/* The device has nothing of those queues. */
static void start_queues(struct vsock *vsock, unsigned queues)
{
	if (queues & 1u << VSOCK_RX)
		vsock->rx_idle = UINT64_MAX >> (64 - vsock->rx_count);
	if (queues & 1u << VSOCK_TX)
		vsock_tx_prepare(vsock);
	if (queues & 1u << VSOCK_EVENT)
		vsock->event_idle = UINT64_MAX >> (64 - VSOCK_EVENTS);
	vsock->emptied = 0;
	vsock->lost = false;
}

/* Queues that were reset alone go on. True: with packets lost. Among lost events may be a
 * TRANSPORT_RESET: another CID says so [VSK-09]. */
static bool start_again(struct vsock *vsock)
{
	uint64_t cid = vsock->cid;
	bool lost = vsock->lost;

	if (vsock->emptied & 1u << VSOCK_EVENT) {
		read_cid(vsock);
		if (vsock->cid != cid)
			__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	}
	start_queues(vsock, vsock->emptied);
	return lost;
}

enum vsock_news vsock_work(void)
{
	struct vsock *vsock = __atomic_load_n(&vsock_device, __ATOMIC_ACQUIRE);
	bool lost = false;

	if (vsock) {
		mutex_lock(&vsock->mutex);
		if (!vsock->failed) {
			if (vsock->emptied)
				lost = start_again(vsock);
			take_events(vsock);
			post_events(vsock);
			virtqueue_kick(vsock->event);
			vsock_rx_post(vsock);
			virtqueue_kick(vsock->rx);
			vsock_tx_work(vsock);
		}
		mutex_unlock(&vsock->mutex);
	}
	if (__atomic_exchange_n(&over, false, __ATOMIC_ACQ_REL))
		return VSOCK_FORGOTTEN;
	return lost ? VSOCK_LOST : VSOCK_NO_NEWS;
}

/* --- life ------------------------------------------------------------------------------- */

static void vsock_used(struct virtqueue *queue)
{
	virtqueue_disable_cb(queue);
	vsock_attention();
}

static int find_queues(struct vsock *vsock)
{
	static const struct virtqueue_wanted wanted[] = {
		{ .name = "rx",
		  .index = VSOCK_RX,
		  .size_max = VSOCK_RX_BUFFERS,
		  .callback = vsock_used,
		  .pieces_max = 1 },
		{ .name = "tx",
		  .index = VSOCK_TX,
		  .callback = vsock_used,
		  .pieces_max = 1 },
		{ .name = "event",
		  .index = VSOCK_EVENT,
		  .size_max = VSOCK_EVENTS,
		  .callback = vsock_used,
		  .pieces_max = 1 },
	};
	struct virtqueue *queues[VSOCK_QUEUES];
	int error = virtio_find_queues(vsock->device, wanted, VSOCK_QUEUES, queues);

	if (error)
		return error;
	vsock->rx = queues[VSOCK_RX];
	vsock->tx = queues[VSOCK_TX];
	vsock->event = queues[VSOCK_EVENT];
	return 0;
}

static int allocate(struct vsock *vsock)
{
	vsock->event_phys = page_alloc(0);
	if (!vsock->event_phys)
		return -ENOMEM;
	memset(phys_to_virt(vsock->event_phys), 0, PAGE_BYTES);
	for (; vsock->rx_count < VSOCK_RX_BUFFERS; vsock->rx_count++) {
		uint64_t phys = page_alloc(0);

		if (!phys)
			break;
		memset(phys_to_virt(phys), 0, PAGE_BYTES);
		vsock->rx_phys[vsock->rx_count] = phys;
	}
	return vsock->rx_count && vsock_tx_allocate(vsock) ? 0 : -ENOMEM;
}

static void release(struct vsock *vsock)
{
	for (unsigned i = 0; i < vsock->rx_count; i++)
		page_free(vsock->rx_phys[i], 0);
	if (vsock->event_phys)
		page_free(vsock->event_phys, 0);
	vsock_tx_release(vsock);
}

/* Everything the device may need from DRIVER_OK on. */
static void fill(struct vsock *vsock)
{
	start_queues(vsock, VSOCK_ALL_QUEUES);
	vsock->reply_first = vsock->reply_count = 0;
	vsock_rx_post(vsock);
	post_events(vsock);
}

static int vsock_probe(struct virtio_device *device)
{
	struct vsock *vsock;
	int error;

	if (vsock_device) {
		log_error("vsock: %s is one too many: a guest has one", device->where);
		return -EBUSY;
	}
	vsock = kzalloc(sizeof(*vsock));
	if (!vsock)
		return -ENOMEM;
	vsock->device = device;
	error = read_cid(vsock) ? find_queues(vsock) : -EINVAL;
	if (!error)
		error = allocate(vsock);
	if (error) {
		release(vsock);
		kfree(vsock);
		return error;
	}
	fill(vsock);
	device->driver_data = vsock;
	return 0;
}

static void vsock_ready(struct virtio_device *device)
{
	struct vsock *vsock = device->driver_data;

	mutex_lock(&vsock->mutex);
	__atomic_store_n(&vsock->failed, false, __ATOMIC_RELEASE);
	virtqueue_kick(vsock->rx);
	virtqueue_kick(vsock->event);
	mutex_unlock(&vsock->mutex);
	__atomic_store_n(&vsock_device, vsock, __ATOMIC_RELEASE);
	vsock_attention();
}

static void vsock_broken(struct virtio_device *device)
{
	struct vsock *vsock = device->driver_data;

	if (!vsock)
		return;
	__atomic_store_n(&vsock->failed, true, __ATOMIC_RELEASE);
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	vsock_attention();
}

/* False: somebody sends, or looks at a packet. The mutex is not waited for, as its holder may
 * wait for another device that is to be restored; and of a queue an interrupt asks. */
static bool vsock_quiet(struct virtio_device *device)
{
	struct vsock *vsock = device->driver_data;
	bool quiet;

	if (!mutex_trylock(&vsock->mutex))
		return false;
	quiet = !vsock->rx_current;
	mutex_unlock(&vsock->mutex);
	return quiet;
}

static int vsock_restore(struct virtio_device *device)
{
	struct vsock *vsock = device->driver_data;
	int error;

	mutex_lock(&vsock->mutex);
	error = read_cid(vsock) ? find_queues(vsock) : -EINVAL;
	if (!error)
		fill(vsock);
	mutex_unlock(&vsock->mutex);
	return error;
}

static bool vsock_queue_quiet(const struct virtqueue *queue)
{
	return vsock_quiet(virtqueue_device(queue));
}

/* [VQ-26] Reliable streams have a gap where packets were lost, and which were is not known:
 * of what is in flight the device may have used all or none. So nothing goes on before all
 * connections have been ended: vsock_work() posts buffers to receive into, and until then
 * there are none to send from. */
static void vsock_queue_broken(struct virtqueue *queue)
{
	struct vsock *vsock = virtqueue_device(queue)->driver_data;
	bool any = virtqueue_detach(queue);

	if (queue != vsock->event)
		vsock->lost |= any;
	if (queue == vsock->tx)
		vsock->free = NULL;
	vsock->emptied |= 1u << virtqueue_index(queue);
}

static void vsock_queue_restored(struct virtqueue *queue)
{
	(void)queue;
	vsock_attention();
}

static void vsock_removed(struct virtio_device *device)
{
	struct vsock *vsock = device->driver_data;

	mutex_lock(&vsock->mutex); /* who is between begin and end counts on the device */
	__atomic_store_n(&vsock_device, NULL, __ATOMIC_RELEASE);
	release(vsock);
	vsock->rx_count = 0;
	vsock->event_phys = 0;
	mutex_unlock(&vsock->mutex);
	device->leftover = vsock;
	vsock_attention();
}

static const struct virtio_driver virtio_vsock_driver = {
	.name = "vsock",
	.device_id = VIRTIO_ID_VSOCK,
	.wanted = VIRTIO_FEATURES(VIRTIO_BIT(VIRTIO_VSOCK_F_STREAM) |
				  VIRTIO_BIT(VIRTIO_VSOCK_F_SEQPACKET) |
				  VIRTIO_BIT(VIRTIO_VSOCK_F_NO_IMPLIED_STREAM)),
	.probe = vsock_probe,
	.ready = vsock_ready,
	.broken = vsock_broken,
	.quiet = vsock_quiet,
	.restore = vsock_restore,
	.restored = vsock_ready,
	.queue_broken = vsock_queue_broken,
	.queue_restored = vsock_queue_restored,
	.queue_quiet = vsock_queue_quiet,
	.removed = vsock_removed,
};
VIRTIO_DRIVER(virtio_vsock_driver);
