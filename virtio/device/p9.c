/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-9p: one queue of messages. The device is not in the specification beyond its
 * number; feature, configuration and layout are as Linux and QEMU have them [P9-01]. All
 * numbers of a message are little-endian, which is this machine's order. */

#include <errno.h>
#include <string.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <virtio/device/exchange.h>
#include <virtio/device/p9.h>

enum p9_feature { VIRTIO_9P_MOUNT_TAG = 0 };
enum p9_config { CONFIG_TAG_BYTES = 0, CONFIG_TAG = 2 };

#define TAG_BYTES_MAX 63
#define RING_MAX      128
#define REQUESTS      32
#define NO_TAG	      0xffff /* of TVERSION */
#define ERROR_MAX     511    /* of system calls: what a host may answer */

struct virtio_p9 {
	struct exchange exchange;
	char tag[TAG_BYTES_MAX + 1];
	struct virtio_p9 *next; /* list of devices: append only */
};

static struct virtio_p9 *devices;

struct virtio_p9 *virtio_p9_find(const char *tag)
{
	struct virtio_p9 *p9 = __atomic_load_n(&devices, __ATOMIC_ACQUIRE);

	while (p9 && strcmp(p9->tag, tag) != 0)
		p9 = p9->next;
	return p9;
}

unsigned virtio_p9_session(const struct virtio_p9 *p9)
{
	return __atomic_load_n(&p9->exchange.session, __ATOMIC_ACQUIRE);
}

/* Message and reply take a piece each, and data that begins inside a page one more. */
uint32_t virtio_p9_payload_max(const struct virtio_p9 *p9)
{
	return (p9->exchange.pieces_max - 2) * (uint32_t)PAGE_BYTES;
}

static void put(struct p9_call *call, const void *bytes, size_t count)
{
	if (count > EXCHANGE_MESSAGE_BYTES - call->put) {
		call->overrun = true;
		return;
	}
	memcpy(call->request->memory->message + call->put, bytes, count);
	call->put += (uint32_t)count;
}

void p9_put8(struct p9_call *call, uint8_t value)
{
	put(call, &value, sizeof(value));
}

void p9_put_count16(struct p9_call *call, uint16_t count)
{
	put(call, &count, sizeof(count));
}

void p9_put32(struct p9_call *call, uint32_t value)
{
	put(call, &value, sizeof(value));
}

void p9_put64(struct p9_call *call, uint64_t value)
{
	put(call, &value, sizeof(value));
}

void p9_put_text(struct p9_call *call, const char *text, size_t length)
{
	p9_put_count16(call, (uint16_t)length);
	put(call, text, length);
}

static uint64_t get(struct p9_call *call, unsigned bytes)
{
	uint64_t value = 0;

	if (bytes > call->reply_bytes - call->got) {
		call->overrun = true;
		return 0;
	}
	memcpy(&value, call->reply + call->got, bytes);
	call->got += bytes;
	return value;
}

uint8_t p9_get8(struct p9_call *call)
{
	return (uint8_t)get(call, 1);
}

uint16_t p9_get16(struct p9_call *call)
{
	return (uint16_t)get(call, 2);
}

uint32_t p9_get32(struct p9_call *call)
{
	return (uint32_t)get(call, 4);
}

uint64_t p9_get64(struct p9_call *call)
{
	return get(call, 8);
}

/* Payload has descriptors of its own [P9-04]. */
int virtio_p9_begin(struct virtio_p9 *p9, struct p9_call *call, bool wait)
{
	ssize_t fits = 0;
	int error = exchange_begin(&p9->exchange, wait, &call->request);

	if (error)
		return error;
	call->p9 = p9;
	if (call->request->session != call->session)
		fits = -ESTALE;
	else if (call->direction != P9_NO_DATA)
		fits = exchange_data(call->request, call->direction == P9_TO_HOST,
				     call->data, call->data_bytes);
	if (fits < 0) {
		exchange_end(call->request);
		return (int)fits;
	}
	call->data_bytes = (size_t)fits;
	call->put = P9_HEADER_BYTES;
	call->overrun = false;
	return 0;
}

static uint16_t tag_of(const struct p9_call *call)
{
	return call->type == P9_TVERSION ? NO_TAG : (uint16_t)call->request->number;
}

/* Readable: the message and what it carries; writable: the answer, whose payload begins
 * behind its count [P9-01]. */
void virtio_p9_submit(struct p9_call *call)
{
	struct exchange_request *request = call->request;
	uint8_t *message = request->memory->message;
	uint32_t size = call->put;
	uint16_t tag = tag_of(call);

	if (call->overrun)
		return; /* finish() says so */
	if (call->direction == P9_TO_HOST)
		size += (uint32_t)call->data_bytes;
	memcpy(message, &size, sizeof(size));
	message[4] = (uint8_t)call->type;
	memcpy(message + 5, &tag, sizeof(tag));
	request->message_bytes = call->put;
	request->reply_bytes = call->direction == P9_FROM_HOST ? P9_READ_REPLY_BYTES
							       : P9_REPLY_BYTES;
	exchange_submit(request);
}

/* What is wrong with an answer; NULL: nothing. It was copied out, but for its payload
 * [P9-03]. */
static const char *fault(struct p9_call *call, uint32_t written)
{
	uint32_t size = p9_get32(call);
	uint8_t type = p9_get8(call);
	uint16_t tag = p9_get16(call);

	if (written < P9_HEADER_BYTES)
		return "a reply shorter than its header";
	if (size != written)
		return "a reply of another size than it says";
	if (tag != tag_of(call))
		return "a reply to another request";
	if (type != P9_RLERROR && type != call->type + 1)
		return "a reply of another type";
	return NULL;
}

/* The answer's own content: an error, or the count of the payload. */
static int content(struct p9_call *call, uint32_t written)
{
	uint32_t value;

	if (call->reply[4] == P9_RLERROR) {
		value = p9_get32(call);
		return call->overrun || !value || value > ERROR_MAX ? -EIO : -(int)value;
	}
	if (call->direction != P9_FROM_HOST)
		return 0;
	if (call->text) {
		value = p9_get16(call);
		if (call->overrun || value != written - P9_HEADER_BYTES - 2)
			return -EIO;
	} else {
		value = p9_get32(call);
		if (call->overrun || value != written - P9_READ_REPLY_BYTES)
			return -EIO;
	}
	/* At most data_bytes, as there was room for no more [P9-03]. */
	if (written > P9_READ_REPLY_BYTES)
		call->data_written = written - P9_READ_REPLY_BYTES;
	return 0;
}

int virtio_p9_finish(struct p9_call *call)
{
	struct exchange_request *request = call->request;
	uint32_t written = 0;
	const char *wrong;
	int error = call->overrun ? -ENAMETOOLONG : exchange_wait(request, &written);

	call->data_written = 0;
	call->got = 0;
	call->reply_bytes = 0;
	if (!error) {
		call->reply_bytes = written < request->reply_bytes ? written
								   : request->reply_bytes;
		memcpy(call->reply, request->memory->reply, call->reply_bytes);
		wrong = fault(call, written);
		if (wrong)
			exchange_break(&call->p9->exchange, wrong);
		error = wrong ? -EIO : content(call, written);
	}
	exchange_end(request);
	return error;
}

static void p9_used(struct virtqueue *queue)
{
	struct virtio_p9 *p9 = virtqueue_device(queue)->driver_data;

	exchange_used(&p9->exchange, queue);
}

static const struct virtqueue_wanted requests = { .name = "requests",
						  .size_max = RING_MAX,
						  .callback = p9_used,
						  .pieces_max = EXCHANGE_PIECES_MAX };

static int p9_probe(struct virtio_device *device)
{
	struct virtio_p9 *p9 = kzalloc(sizeof(*p9));
	struct virtqueue *queue;
	unsigned bytes;
	int error;

	if (!p9)
		return -ENOMEM;
	bytes = virtio_config_read16(device, CONFIG_TAG_BYTES);
	if (bytes > TAG_BYTES_MAX)
		bytes = TAG_BYTES_MAX;
	virtio_config_read_bytes(device, CONFIG_TAG, p9->tag, bytes);
	error = virtio_find_queues(device, &requests, 1, &queue);
	if (!error)
		error = exchange_create(&p9->exchange, device, &queue, 1, REQUESTS);
	if (error) {
		kfree(p9);
		return error;
	}
	device->driver_data = p9;
	return 0;
}

static void p9_ready(struct virtio_device *device)
{
	struct virtio_p9 *p9 = device->driver_data;
	struct virtio_p9 *first = __atomic_load_n(&devices, __ATOMIC_RELAXED);

	exchange_print_tag(device, p9->tag);
	do {
		p9->next = first;
	} while (!__atomic_compare_exchange_n(&devices, &first, p9, false,
					      __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

static void p9_broken(struct virtio_device *device)
{
	struct virtio_p9 *p9 = device->driver_data;

	if (p9)
		exchange_fail(&p9->exchange, -EIO);
}

static void p9_removed(struct virtio_device *device)
{
	struct virtio_p9 *p9 = device->driver_data;

	if (p9)
		exchange_fail(&p9->exchange, -ENODEV);
}

/* The host clunked all fids: who uses the device attaches again. */
static int p9_restore(struct virtio_device *device)
{
	struct virtio_p9 *p9 = device->driver_data;
	struct virtqueue *queue;
	int error = virtio_find_queues(device, &requests, 1, &queue);

	return error ? error : exchange_restore(&p9->exchange, &queue, 1);
}

static void p9_queue_broken(struct virtqueue *queue)
{
	struct virtio_p9 *p9 = virtqueue_device(queue)->driver_data;

	exchange_queue_broken(&p9->exchange, queue);
}

static void p9_queue_restored(struct virtqueue *queue)
{
	struct virtio_p9 *p9 = virtqueue_device(queue)->driver_data;

	exchange_queue_restored(&p9->exchange, queue);
}

static const struct virtio_driver virtio_p9_driver = {
	.name = "9p",
	.device_id = VIRTIO_ID_9P,
	.required = VIRTIO_FEATURES(VIRTIO_BIT(VIRTIO_9P_MOUNT_TAG)),
	.probe = p9_probe,
	.ready = p9_ready,
	.broken = p9_broken,
	.restore = p9_restore,
	.removed = p9_removed,
	/* A request that waits for the host's disk outlives its queue, as in block.c. */
	.queue_broken = p9_queue_broken,
	.queue_restored = p9_queue_restored,
	.queue_leaks = virtio_queue_leaks,
};
VIRTIO_DRIVER(virtio_p9_driver);
