/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Messages and replies: what the drivers for shares of the host (fs.c, VIRTIO 1.3 §5.11,
 * and p9.c) have in common: exchange.c, and exchange_setup.c for what it needs. A request
 * is a message to the device, then room for its reply; payload of either direction lies
 * in the caller's own memory, which the device reads or writes in place:
 *
 *	exchange_begin	a request, when one is free; the message is built in it
 *	exchange_data	the payload, as much of it as fits one request
 *	exchange_submit	out it goes; others may follow before it is answered
 *	exchange_wait	sleeps until it was answered
 *	exchange_end	the request is free again
 *
 * All but exchange_used(), exchange_fail() and exchange_queue_broken() are for
 * threads. A device that holds requests and answers none of them for a minute
 * (share_timeout=) is broken: no wait is longer. What the device wrote is checked by
 * the two drivers: here only lengths count. */

#ifndef VIRTIO_DEVICE_EXCHANGE_H
#define VIRTIO_DEVICE_EXCHANGE_H

#include <sys/types.h>
#include <kernel/lock.h>
#include <kernel/thread.h>
#include <virtio/device/watchdog.h>
#include <virtio/virtio.h>

#define EXCHANGE_MESSAGE_BYTES \
	640 /* without payload: two names of 255 and their header */
#define EXCHANGE_REPLY_BYTES 384
#define EXCHANGE_PIECES_MAX  66 /* of a request; what indirect tables are made for */
#define EXCHANGE_QUEUES_MAX  4
#define EXCHANGE_SILENCE_S   60

/* What the device sees of a request besides the payload, on pages with nothing else. */
struct exchange_memory {
	uint8_t message[EXCHANGE_MESSAGE_BYTES]; /* driver writes */
	uint8_t reply[EXCHANGE_REPLY_BYTES];	 /* device writes, until it is answered */
};
_Static_assert(sizeof(struct exchange_memory) == 1024, "four on a page");

struct exchange_request {
	/* The caller's, between begin and submit, and after wait. */
	struct exchange_memory *memory;
	uint32_t message_bytes; /* of memory->message */
	uint32_t reply_bytes;	/* room of memory->reply that the device may use */
	unsigned number;	/* unique in the exchange: a tag */

	/* exchange.c's. */
	struct exchange *exchange;
	struct exchange_request *next; /* free or waiting; under the exchange's lock */
	unsigned session;	       /* of the exchange, when it began */
	struct virtio_piece *pieces;
	unsigned out, in; /* data pieces in each direction; one of them is 0 */
	uint64_t phys;	  /* of *memory */
	uint32_t written; /* by the device, once status is 0 */
	int status;	  /* atomic: -EINPROGRESS, 0, -errno */
	bool unattended;  /* nobody waits: free when answered */
	bool in_flight;	  /* the device has it; under the exchange's lock */
	struct wait_queue waiters;
};

struct exchange {
	struct spinlock lock;
	struct virtio_device *device; /* atomic; NULL: it was unplugged, and is freed */
	struct virtqueue *queues[EXCHANGE_QUEUES_MAX];
	unsigned queue_count, next_queue;
	struct exchange_request *requests; /* request_count of them */
	unsigned request_count, pieces_max;
	uint32_t payload_max; /* bytes that the queues take in one request */
	int error;	  /* 0, or what new requests get; atomic, written under lock */
	unsigned session; /* counts the times that all was lost; atomic, as well */

	/* All under lock. */
	struct exchange_request *free;
	unsigned free_count;
	struct exchange_request *waiting, **waiting_end; /* for room in a ring */
	unsigned in_flight;
	struct watchdog watchdog;

	struct wait_queue free_waiters;
	uint64_t memory_phys;
	struct virtio_piece *pieces; /* of all requests */
};

/* How long a device may be silent; share_timeout= sets it. */
extern uint64_t exchange_silence_ns;

/* In probe(), with the queues it found: 0, -ENOMEM, -ENOTSUP: the ring is too small. */
int exchange_create(struct exchange *exchange, struct virtio_device *device,
		    struct virtqueue **queues, unsigned queue_count, unsigned requests);
/* In restore(): the same with the new queues. What waited has failed before. */
int exchange_restore(struct exchange *exchange, struct virtqueue **queues,
		     unsigned queue_count);
/* After a failed probe; a removed device's goes by itself. */
void exchange_destroy(struct exchange *exchange);

/* 0 and *out; else what the device's state answers: -EIO, -ENODEV; -EAGAIN: none is free
 * and `wait` is false. */
int exchange_begin(struct exchange *exchange, bool wait, struct exchange_request **out);
/* The payload: data[0 .. result), to be read by the device or written by it. The
 * result is less than `bytes` where memory is scattered more than one request can say,
 * or devices see only little memory; -EFAULT: there is no such memory. After the
 * message, before the submit; at most once. */
ssize_t exchange_data(struct exchange_request *request, bool to_device, const void *data,
		      size_t bytes);
/* A request that began before the device lost everything is not sent any more (-EIO). */
void exchange_submit(struct exchange_request *request);
/* Submits what nobody waits for: it is ended when it was answered. */
void exchange_submit_unattended(struct exchange_request *request);
/* 0 and the bytes the device says it wrote, never more than there was room for; -EIO,
 * -ENODEV. */
int exchange_wait(struct exchange_request *request, uint32_t *written);
void exchange_end(struct exchange_request *request);

/* A tag as the device gave it, for display: nothing that moves a cursor. */
void exchange_print_tag(const struct virtio_device *device, const char *tag);

/* The callback of a queue. */
void exchange_used(struct exchange *exchange, struct virtqueue *queue);
/* NULL: it was unplugged. Until the caller sleeps it stays, if it was there. */
struct virtio_device *exchange_device(const struct exchange *exchange);
/* The device broke a rule, if it is still there. */
void exchange_break(struct exchange *exchange, const char *why);
/* Ends everything with `error`, which is what new requests get from now on: the device
 * owns nothing any more. -ENODEV: for ever. */
void exchange_fail(struct exchange *exchange, int error);
/* The same for what one queue held; and when that queue is back. */
void exchange_queue_broken(struct exchange *exchange, struct virtqueue *queue);
void exchange_queue_restored(struct exchange *exchange, struct virtqueue *queue);

#endif
