/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Messages and replies over virtqueues: making them, and the patience with a device. */

#include <errno.h>
#include <string.h>
#include <kernel/cmdline.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <virtio/device/exchange.h>

#define SILENCE_S_MAX 86400

uint64_t exchange_silence_ns = EXCHANGE_SILENCE_S * NS_PER_SEC; /* boot writes */

static void set_timeout(const char *value)
{
	uint64_t seconds;

	if (cmdline_number(value, 1, SILENCE_S_MAX, &seconds))
		exchange_silence_ns = seconds * NS_PER_SEC;
	else
		log_warn("share_timeout= wants seconds, 1 to %u", SILENCE_S_MAX);
}
CMDLINE_KEY_APPLY(
	share_timeout,
	"seconds after which a host that answers no request of a share is broken",
	set_timeout);

struct virtio_device *exchange_device(const struct exchange *exchange)
{
	return __atomic_load_n(&exchange->device, __ATOMIC_ACQUIRE);
}

void exchange_break(struct exchange *exchange, const char *why)
{
	struct virtio_device *device = exchange_device(exchange);

	if (device)
		virtio_device_break(device, why);
}

static void watchdog_expired(struct timer *timer)
{
	struct exchange *exchange = (struct exchange *)((char *)timer -
							offsetof(struct exchange,
								 watchdog.timer));
	struct virtio_device *device = exchange_device(exchange);
	unsigned long flags = spin_lock(&exchange->lock);
	enum watchdog_finding finding = watchdog_look(
		&exchange->watchdog, exchange->in_flight, exchange_silence_ns);

	spin_unlock(&exchange->lock, flags);
	if (finding == WATCHDOG_SILENT && device)
		virtio_device_silent(device, 0, "no answer for too long");
	for (unsigned i = 0; finding == WATCHDOG_QUIET && i < exchange->queue_count; i++)
		watchdog_nudge(exchange->queues[i]);
}

/* What all queues take: of pieces, and of bytes besides message and reply. */
static int set_queues(struct exchange *exchange, struct virtqueue **queues,
		      unsigned queue_count)
{
	unsigned most = EXCHANGE_PIECES_MAX;
	uint32_t bytes = INT32_MAX;

	for (unsigned i = 0; i < queue_count; i++) {
		unsigned pieces = virtqueue_pieces_max(queues[i]);

		if (pieces < 3)
			return -ENOTSUP;
		if (pieces < most)
			most = pieces;
		if (virtqueue_bytes_max(queues[i]) < bytes)
			bytes = virtqueue_bytes_max(queues[i]);
		exchange->queues[i] = queues[i];
	}
	exchange->queue_count = queue_count;
	exchange->next_queue = 0;
	exchange->pieces_max = most;
	exchange->payload_max = (bytes - sizeof(struct exchange_memory)) &
				~(uint32_t)(PAGE_BYTES - 1);
	return 0;
}

int exchange_create(struct exchange *exchange, struct virtio_device *device,
		    struct virtqueue **queues, unsigned queue_count, unsigned requests)
{
	unsigned order = page_order(requests * sizeof(struct exchange_memory));
	struct exchange_memory *memory;
	int error = set_queues(exchange, queues, queue_count);

	if (error)
		return error;
	exchange->device = device;
	exchange->waiting_end = &exchange->waiting;
	exchange->watchdog.timer.expired = watchdog_expired;
	exchange->request_count = requests;
	exchange->requests = kzalloc(requests * sizeof(*exchange->requests));
	exchange->pieces = kzalloc(requests * EXCHANGE_PIECES_MAX *
				   sizeof(*exchange->pieces));
	exchange->memory_phys = page_alloc(order);
	if (!exchange->requests || !exchange->pieces || !exchange->memory_phys) {
		exchange_destroy(exchange);
		return -ENOMEM;
	}
	memory = phys_to_virt(exchange->memory_phys);
	memset(memory, 0, PAGE_BYTES << order);
	for (unsigned i = requests; i-- > 0;) {
		struct exchange_request *request = &exchange->requests[i];

		request->exchange = exchange;
		request->number = i;
		request->memory = &memory[i];
		request->phys = exchange->memory_phys + i * sizeof(*memory);
		request->pieces = &exchange->pieces[i * EXCHANGE_PIECES_MAX];
		request->next = exchange->free;
		exchange->free = request;
	}
	exchange->free_count = requests;
	return 0;
}

void exchange_destroy(struct exchange *exchange)
{
	kfree(exchange->requests);
	kfree(exchange->pieces);
	if (exchange->memory_phys)
		page_free(exchange->memory_phys,
			  page_order(exchange->request_count *
				     sizeof(struct exchange_memory)));
	exchange->requests = exchange->free = NULL;
	exchange->pieces = NULL;
	exchange->memory_phys = 0;
}

int exchange_restore(struct exchange *exchange, struct virtqueue **queues,
		     unsigned queue_count)
{
	unsigned long flags = spin_lock(&exchange->lock);
	int error = set_queues(exchange, queues, queue_count);

	if (!error)
		__atomic_store_n(&exchange->error, 0, __ATOMIC_RELEASE);
	spin_unlock(&exchange->lock, flags);
	return error;
}

void exchange_print_tag(const struct virtio_device *device, const char *tag)
{
	char shown[64];
	size_t length = 0;

	for (; length < sizeof(shown) - 1 && tag[length]; length++)
		shown[length] = (unsigned char)tag[length] < ' ' || tag[length] == 0x7f
					? '?'
					: tag[length];
	shown[length] = '\0';
	log_info("%s: tag \"%s\"", device->name, shown);
}
