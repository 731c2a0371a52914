/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-fs: queues, requests, replies (VIRTIO 1.3 §5.11). */

#include <errno.h>
#include <string.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <virtio/device/exchange.h>
#include <virtio/device/fs.h>

/* Offsets in the configuration space (§5.11.4). */
enum fs_config { CONFIG_TAG = 0, CONFIG_NUM_REQUEST_QUEUES = 36 };
#define TAG_BYTES 36

/* Queue numbers without NOTIFICATION, which is not negotiated (§5.11.2) [FS-01]. */
enum fs_queue { HIPRIO = 0, REQUEST_FIRST = 1 };

#define RING_MAX	128
#define REQUESTS	32
#define HIPRIO_REQUESTS 16
#define WINDOW_ID	0 /* of the shared memory region (§5.11.4) */
#define FUSE_FORGET	2
#define ERROR_MAX	511 /* of system calls: what a host may answer */

struct virtio_fs {
	struct exchange hiprio, requests;
	struct virtqueue *hiprio_queue;
	char tag[TAG_BYTES + 1];
	uint64_t unique;	/* atomic: of the last request */
	struct virtio_fs *next; /* list of devices: append only */
};

static struct virtio_fs *devices;

static void hiprio_used(struct virtqueue *queue)
{
	struct virtio_fs *fs = virtqueue_device(queue)->driver_data;

	exchange_used(&fs->hiprio, queue);
}

static void request_used(struct virtqueue *queue)
{
	struct virtio_fs *fs = virtqueue_device(queue)->driver_data;

	exchange_used(&fs->requests, queue);
}

struct virtio_fs *virtio_fs_find(const char *tag)
{
	struct virtio_fs *fs = __atomic_load_n(&devices, __ATOMIC_ACQUIRE);

	while (fs && strcmp(fs->tag, tag) != 0)
		fs = fs->next;
	return fs;
}

unsigned virtio_fs_session(const struct virtio_fs *fs)
{
	return __atomic_load_n(&fs->requests.session, __ATOMIC_ACQUIRE);
}

bool virtio_fs_window(struct virtio_fs *fs, struct virtio_shared_memory *out)
{
	struct virtio_device *device = __atomic_load_n(&fs->requests.device,
						       __ATOMIC_ACQUIRE);

	return device && device->transport->shared_memory &&
	       device->transport->shared_memory(device, WINDOW_ID, out);
}

int virtio_fs_begin(struct virtio_fs *fs, struct virtio_fs_call *call, bool wait)
{
	ssize_t fits = 0;
	int error = exchange_begin(&fs->requests, wait, &call->request);

	if (error)
		return error;
	call->fs = fs;
	if (call->request->session != call->session)
		fits = -ESTALE;
	else if (call->direction != VIRTIO_FS_NO_DATA)
		fits = exchange_data(call->request, call->direction == VIRTIO_FS_TO_HOST,
				     call->data, call->data_bytes);
	if (fits < 0) {
		exchange_end(call->request);
		return (int)fits;
	}
	call->data_bytes = (size_t)fits;
	return 0;
}

/* Header, arguments, names: the part that is copied. */
static uint32_t compose(struct virtio_fs_call *call, uint8_t *message)
{
	struct virtio_fs_in_header header = { .opcode = call->opcode,
					      .nodeid = call->nodeid,
					      .unique = call->unique };
	uint8_t *at = message + sizeof(header);

	if (call->argument_bytes)
		memcpy(at, call->arguments, call->argument_bytes);
	at += call->argument_bytes;
	if (call->name) {
		memcpy(at, call->name, call->name_length);
		at += call->name_length;
		*at++ = '\0';
	}
	if (call->second_name) {
		memcpy(at, call->second_name, call->second_length);
		at += call->second_length;
		*at++ = '\0';
	}
	header.len = (uint32_t)(at - message);
	if (call->direction == VIRTIO_FS_TO_HOST)
		header.len += (uint32_t)call->data_bytes;
	memcpy(message, &header, sizeof(header));
	return (uint32_t)(at - message);
}

/* The device may take requests in any order (§5.11.6.1): a caller submits what depends on
 * another call only when that one was finished [FS-06]. */
void virtio_fs_submit(struct virtio_fs_call *call)
{
	struct exchange_request *request = call->request;

	call->unique = __atomic_add_fetch(&call->fs->unique, 1, __ATOMIC_RELAXED);
	request->message_bytes = compose(call, request->memory->message);
	request->reply_bytes = (uint32_t)(sizeof(struct virtio_fs_out_header) +
					  call->reply_bytes);
	exchange_submit(request);
}

/* What is wrong with an answer; NULL: nothing. The header was copied out [FS-05]. */
static const char *fault(const struct virtio_fs_call *call,
			 const struct virtio_fs_out_header *header, uint32_t written)
{
	if (written < sizeof(*header))
		return "a reply shorter than its header";
	if (header->len != written)
		return "a reply of another length than it says";
	if (header->unique != call->unique)
		return "a reply to another request";
	if (header->error > 0 || header->error < -ERROR_MAX)
		return "a reply with an impossible error";
	return NULL;
}

int virtio_fs_finish(struct virtio_fs_call *call)
{
	struct exchange_request *request = call->request;
	const uint8_t *reply = request->memory->reply;
	struct virtio_fs_out_header header = { 0 };
	size_t own = call->reply_bytes;
	uint32_t written;
	const char *wrong;
	int error = exchange_wait(request, &written);

	call->reply_written = call->data_written = 0;
	if (!error) {
		memcpy(&header, reply, sizeof(header));
		wrong = fault(call, &header, written);
		if (wrong) {
			exchange_break(&call->fs->requests, wrong);
			error = -EIO;
		} else {
			error = header.error;
		}
	}
	if (!error) {
		written -= (uint32_t)sizeof(header);
		call->reply_written = written < own ? written : own;
		call->data_written = written - call->reply_written;
		if (call->reply)
			memcpy(call->reply, reply + sizeof(header), call->reply_written);
	}
	exchange_end(request);
	return error;
}

int virtio_fs_call(struct virtio_fs *fs, struct virtio_fs_call *call)
{
	size_t asked = call->data_bytes;
	int error = virtio_fs_begin(fs, call, true);

	if (error)
		return error;
	if (call->data_bytes != asked) {
		exchange_end(call->request);
		return -EINVAL;
	}
	virtio_fs_submit(call);
	return virtio_fs_finish(call);
}

/* The one request that goes by the hiprio queue; INTERRUPT, which belongs there too, is
 * never sent, as no wait here is interrupted (§5.11.6.2.2) [FS-02]. */
void virtio_fs_forget(struct virtio_fs *fs, unsigned session, uint64_t nodeid,
		      uint64_t lookups)
{
	struct virtio_fs_call call = { .opcode = FUSE_FORGET,
				       .nodeid = nodeid,
				       .arguments = &lookups,
				       .argument_bytes = sizeof(lookups) };

	if (exchange_begin(&fs->hiprio, true, &call.request))
		return;				/* the host has forgotten everything */
	if (call.request->session != session) { /* both count alike */
		exchange_end(call.request);
		return;
	}
	call.unique = __atomic_add_fetch(&fs->unique, 1, __ATOMIC_RELAXED);
	call.request->message_bytes = compose(&call, call.request->memory->message);
	exchange_submit_unattended(call.request);
}

/* §5.11.4: 36 bytes, with a NUL only if it is shorter; as many request queues as we have
 * a use for [FS-04]. */
static int find_queues(struct virtio_device *device, struct virtqueue **queues,
		       unsigned *count)
{
	struct virtqueue_wanted wanted[1 + EXCHANGE_QUEUES_MAX] = { {
		.name = "hiprio",
		.index = HIPRIO,
		.size_max = RING_MAX,
		.callback = hiprio_used,
		.pieces_max = 1,
	} };
	uint32_t offered = virtio_config_read32(device, CONFIG_NUM_REQUEST_QUEUES);

	if (!offered) {
		log_error("%s: it has no request queues", device->name);
		return -EINVAL;
	}
	*count = offered < EXCHANGE_QUEUES_MAX ? offered : EXCHANGE_QUEUES_MAX;
	for (unsigned i = 0; i < *count; i++)
		wanted[1 + i] = (struct virtqueue_wanted){
			.name = "requests",
			.index = REQUEST_FIRST + i,
			.size_max = RING_MAX,
			.callback = request_used,
			.pieces_max = EXCHANGE_PIECES_MAX,
		};
	return virtio_find_queues(device, wanted, 1 + *count, queues);
}

static int fs_probe(struct virtio_device *device)
{
	struct virtqueue *queues[1 + EXCHANGE_QUEUES_MAX];
	struct virtio_fs *fs = kzalloc(sizeof(*fs));
	unsigned count;
	int error;

	if (!fs)
		return -ENOMEM;
	virtio_config_read_bytes(device, CONFIG_TAG, fs->tag, TAG_BYTES);
	error = find_queues(device, queues, &count);
	if (!error) {
		fs->hiprio_queue = queues[0];
		error = exchange_create(&fs->hiprio, device, queues, 1, HIPRIO_REQUESTS);
	}
	if (!error) {
		error = exchange_create(&fs->requests, device, queues + 1, count,
					REQUESTS);
		if (error)
			exchange_destroy(&fs->hiprio);
	}
	if (error) {
		kfree(fs);
		return error;
	}
	device->driver_data = fs;
	return 0;
}

static void fs_ready(struct virtio_device *device)
{
	struct virtio_fs *fs = device->driver_data;
	struct virtio_fs *first = __atomic_load_n(&devices, __ATOMIC_RELAXED);

	exchange_print_tag(device, fs->tag);
	do {
		fs->next = first;
	} while (!__atomic_compare_exchange_n(&devices, &first, fs, false,
					      __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

static void fail(struct virtio_device *device, int error)
{
	struct virtio_fs *fs = device->driver_data;

	if (!fs)
		return;
	exchange_fail(&fs->requests, error);
	exchange_fail(&fs->hiprio, error);
}

static void fs_broken(struct virtio_device *device)
{
	fail(device, -EIO);
}

static void fs_removed(struct virtio_device *device)
{
	fail(device, -ENODEV);
}

/* The host's process lost what it knew of us with the reset: who uses the device begins a
 * new session. */
static int fs_restore(struct virtio_device *device)
{
	struct virtqueue *queues[1 + EXCHANGE_QUEUES_MAX];
	struct virtio_fs *fs = device->driver_data;
	unsigned count;
	int error = find_queues(device, queues, &count);

	if (error)
		return error;
	fs->hiprio_queue = queues[0];
	error = exchange_restore(&fs->hiprio, queues, 1);
	return error ? error : exchange_restore(&fs->requests, queues + 1, count);
}

static struct exchange *exchange_of(struct virtqueue *queue)
{
	struct virtio_fs *fs = virtqueue_device(queue)->driver_data;

	return queue == fs->hiprio_queue ? &fs->hiprio : &fs->requests;
}

static void fs_queue_broken(struct virtqueue *queue)
{
	exchange_queue_broken(exchange_of(queue), queue);
}

static void fs_queue_restored(struct virtqueue *queue)
{
	exchange_queue_restored(exchange_of(queue), queue);
}

static const struct virtio_driver virtio_fs_driver = {
	.name = "fs",
	.device_id = VIRTIO_ID_FS,
	.probe = fs_probe,
	.ready = fs_ready,
	.broken = fs_broken,
	.restore = fs_restore,
	.removed = fs_removed,
	.queue_broken = fs_queue_broken,
	.queue_restored = fs_queue_restored,
};
VIRTIO_DRIVER(virtio_fs_driver);
