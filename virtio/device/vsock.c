/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-vsock (VIRTIO 1.3 §5.10): the driver, its receive and event queues. */

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

static struct vsock *current(void)
{
	struct vsock *vsock = __atomic_load_n(&vsock_device, __ATOMIC_ACQUIRE);

	return vsock && !__atomic_load_n(&vsock->failed, __ATOMIC_ACQUIRE) ? vsock : NULL;
}

uint64_t vsock_cid(void)
{
	struct vsock *vsock = current();

	return vsock ? __atomic_load_n(&vsock->cid, __ATOMIC_RELAXED) : 0;
}

/* §5.10.3.1: no bit at all means streams; SEQPACKET may mean them as well, unless
 * NO_IMPLIED_STREAM says that it does not [VSK-01]. */
bool vsock_has_type(enum vsock_type type)
{
	struct vsock *vsock = current();

	if (!vsock)
		return false;
	if (type == VIRTIO_VSOCK_TYPE_SEQPACKET)
		return virtio_has(vsock->device, VIRTIO_VSOCK_F_SEQPACKET);
	return type == VIRTIO_VSOCK_TYPE_STREAM &&
	       (virtio_has(vsock->device, VIRTIO_VSOCK_F_STREAM) ||
		!virtio_has(vsock->device, VIRTIO_VSOCK_F_NO_IMPLIED_STREAM));
}

/* --- receiving -------------------------------------------------------------------------- */

static void post_rx(struct vsock *vsock, unsigned token)
{
	struct virtio_piece piece = { vsock->rx_phys[token - 1], VSOCK_RX_BYTES };

	(void)virtqueue_add(vsock->rx, &piece, 0, 1, (void *)(uintptr_t)token);
}

/* [VSK-10] A packet has a header, and no more payload than was written. */
static bool look(struct vsock *vsock, unsigned token, uint32_t written,
		 struct vsock_header *header)
{
	if (written < VSOCK_HEADER_BYTES)
		return false;
	memcpy(header, phys_to_virt(vsock->rx_phys[token - 1]), sizeof(*header));
	return header->len <= written - VSOCK_HEADER_BYTES;
}

const void *vsock_receive(struct vsock_header *header)
{
	struct vsock *vsock = current();
	uint32_t written;
	unsigned token = 0;

	if (!vsock)
		return NULL;
	mutex_lock(&vsock->mutex);
	while (!vsock->failed && !token) {
		token = (unsigned)(uintptr_t)virtqueue_get(vsock->rx, &written);
		if (!token) {
			if (virtqueue_enable_cb(vsock->rx))
				break;
			continue;
		}
		if (look(vsock, token, written, header))
			break;
		post_rx(vsock, token);
		token = 0;
	}
	vsock->rx_current = token;
	mutex_unlock(&vsock->mutex);
	return token ? (char *)phys_to_virt(vsock->rx_phys[token - 1]) +
			       VSOCK_HEADER_BYTES
		     : NULL;
}

/* Buffers go back one by one, the doorbell rings when a quarter of them is missing or the
 * device has none left. */
void vsock_received(void)
{
	struct vsock *vsock = current();

	if (!vsock)
		return;
	mutex_lock(&vsock->mutex);
	if (!vsock->failed && vsock->rx_current) {
		post_rx(vsock, vsock->rx_current);
		virtqueue_kick(vsock->rx);
	}
	vsock->rx_current = 0;
	mutex_unlock(&vsock->mutex);
}

/* --- events ----------------------------------------------------------------------------- */

static void post_event(struct vsock *vsock, unsigned token)
{
	struct virtio_piece piece = { vsock->event_phys + (token - 1) * EVENT_STRIDE,
				      EVENT_BYTES };

	(void)virtqueue_add(vsock->event, &piece, 0, 1, (void *)(uintptr_t)token);
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

/* [VSK-09] Each buffer goes back at once. */
static void take_events(struct vsock *vsock)
{
	uint32_t written;
	unsigned token;

	do {
		while ((token = (unsigned)(uintptr_t)virtqueue_get(vsock->event,
								   &written))) {
			uint32_t id;

			memcpy(&id,
			       (char *)phys_to_virt(vsock->event_phys) +
				       (token - 1) * EVENT_STRIDE,
			       sizeof(id));
			post_event(vsock, token);
			if (written >= EVENT_BYTES && id == EVENT_RESET) {
				vsock->reset = true;
				read_cid(vsock);
			}
		}
		virtqueue_kick(vsock->event);
	} while (!virtqueue_enable_cb(vsock->event) && !virtqueue_broken(vsock->event));
}

bool vsock_work(void)
{
	struct vsock *vsock = __atomic_load_n(&vsock_device, __ATOMIC_ACQUIRE);
	bool reset;

	if (!vsock)
		return false;
	mutex_lock(&vsock->mutex);
	if (!vsock->failed) {
		take_events(vsock);
		vsock_tx_work(vsock);
	}
	reset = vsock->reset;
	vsock->reset = false;
	mutex_unlock(&vsock->mutex);
	return reset;
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
		  .index = 0,
		  .size_max = VSOCK_RX_BUFFERS,
		  .callback = vsock_used,
		  .pieces_max = 1 },
		{ .name = "tx", .index = 1, .callback = vsock_used, .pieces_max = 1 },
		{ .name = "event",
		  .index = 2,
		  .size_max = VSOCK_EVENTS,
		  .callback = vsock_used,
		  .pieces_max = 1 },
	};
	struct virtqueue *queues[3];
	int error = virtio_find_queues(vsock->device, wanted, 3, queues);

	if (error)
		return error;
	vsock->rx = queues[0];
	vsock->tx = queues[1];
	vsock->event = queues[2];
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
	return vsock->rx_count ? 0 : -ENOMEM;
}

static void release(struct vsock *vsock)
{
	for (unsigned i = 0; i < vsock->rx_count; i++)
		page_free(vsock->rx_phys[i], 0);
	if (vsock->event_phys)
		page_free(vsock->event_phys, 0);
	vsock_tx_release(vsock);
}

/* Everything the device may need from DRIVER_OK on. The transmit queue's interrupts are
 * wanted only when there is no room. */
static void fill(struct vsock *vsock)
{
	unsigned events = virtqueue_free(vsock->event);

	for (unsigned i = 0; i < vsock->rx_count && virtqueue_free(vsock->rx); i++)
		post_rx(vsock, i + 1);
	for (unsigned i = 0; i < events && i < VSOCK_EVENTS; i++)
		post_event(vsock, i + 1);
	vsock_tx_prepare(vsock);
	virtqueue_disable_cb(vsock->tx);
	vsock->rx_current = 0;
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

	virtqueue_kick(vsock->rx);
	virtqueue_kick(vsock->event);
	__atomic_store_n(&vsock_device, vsock, __ATOMIC_RELEASE);
	vsock_attention();
}

static void vsock_broken(struct virtio_device *device)
{
	struct vsock *vsock = device->driver_data;

	if (!vsock)
		return;
	__atomic_store_n(&vsock->reset, true, __ATOMIC_RELEASE);
	__atomic_store_n(&vsock->failed, true, __ATOMIC_RELEASE);
	vsock_attention();
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

static void vsock_restored(struct virtio_device *device)
{
	struct vsock *vsock = device->driver_data;

	__atomic_store_n(&vsock->failed, false, __ATOMIC_RELEASE);
	vsock_ready(device);
}

static void vsock_removed(struct virtio_device *device)
{
	struct vsock *vsock = device->driver_data;

	__atomic_store_n(&vsock_device, NULL, __ATOMIC_RELEASE);
	mutex_lock(&vsock->mutex);
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
	.restore = vsock_restore,
	.restored = vsock_restored,
	.removed = vsock_removed,
};
VIRTIO_DRIVER(virtio_vsock_driver);
