/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Messages and replies over virtqueues (VIRTIO 1.3 §2.6). */

#include <errno.h>
#include <string.h>
#include <virtio/device/exchange.h>
#include <virtio/device/pieces.h>

#define PIECE_BYTES_MAX (UINT32_C(1) << 30)

static int take(struct exchange *exchange, struct exchange_request **out)
{
	unsigned long flags = spin_lock(&exchange->lock);
	int error = exchange->error;

	if (!error) {
		*out = exchange->free;
		if (*out) {
			exchange->free = (*out)->next;
			exchange->free_count--;
			(*out)->session = exchange->session;
		} else {
			error = -EAGAIN;
		}
	}
	spin_unlock(&exchange->lock, flags);
	return error;
}

int exchange_begin(struct exchange *exchange, bool wait, struct exchange_request **out)
{
	int error = take(exchange, out);
	struct wait self;

	if (error == -EAGAIN && wait) {
		wait_begin(&exchange->free_waiters, &self);
		while ((error = take(exchange, out)) == -EAGAIN)
			wait_sleep(&self, NO_DEADLINE);
		wait_end(&self);
	}
	if (error)
		return error;
	(*out)->message_bytes = (*out)->reply_bytes = 0;
	(*out)->out = (*out)->in = 0;
	(*out)->unattended = false;
	return 0;
}

/* Under the lock: a device that does not come back needs no memory, as soon as nobody
 * holds a request of it. */
static void release_removed(struct exchange *exchange)
{
	if (exchange->error == -ENODEV && exchange->free_count == exchange->request_count)
		exchange_destroy(exchange);
}

/* Under the lock. */
static void give_back(struct exchange_request *request)
{
	struct exchange *exchange = request->exchange;

	request->next = exchange->free;
	exchange->free = request;
	exchange->free_count++;
	wait_wake(&exchange->free_waiters, 1, 0);
	release_removed(exchange);
}

void exchange_end(struct exchange_request *request)
{
	struct exchange *exchange = request->exchange;
	unsigned long flags = spin_lock(&exchange->lock);

	give_back(request);
	spin_unlock(&exchange->lock, flags);
}

/* pieces[0] is the message's; the reply's is put in at the submit, where it belongs. */
ssize_t exchange_data(struct exchange_request *request, bool to_device, const void *data,
		      size_t bytes)
{
	size_t taken = 0;
	bool missing = false;
	unsigned first = to_device ? 1 : 2, end;

	if (bytes > request->exchange->payload_max)
		bytes = request->exchange->payload_max;
	if (!bytes)
		return 0;
	if (!pieces_populate(data, bytes, NULL))
		return -EFAULT;
	end = pieces_append(request->pieces, first,
			    request->exchange->pieces_max - (to_device ? 1 : 0), data,
			    bytes, PIECE_BYTES_MAX, false, &taken, &missing);
	if (!taken)
		return -EFAULT;
	*(to_device ? &request->out : &request->in) = end - first;
	return (ssize_t)taken;
}

/* Under the lock: the result is there, nobody but its waiter has the request any more. */
static void complete(struct exchange_request *request, int status, uint32_t written)
{
	struct exchange *exchange = request->exchange;

	if (request->in_flight) {
		request->in_flight = false;
		exchange->in_flight--;
		exchange->watchdog.completed++;
	}
	request->written = written;
	if (request->unattended) {
		give_back(request);
		return;
	}
	__atomic_store_n(&request->status, status, __ATOMIC_RELEASE);
	wait_wake(&request->waiters, WAKE_ALL, 0);
}

/* Under the lock. */
static int issue(struct exchange_request *request, struct virtqueue *queue)
{
	struct exchange *exchange = request->exchange;
	struct virtio_piece reply = { request->phys +
					      offsetof(struct exchange_memory, reply),
				      request->reply_bytes };
	int error;

	request->pieces[0] = (struct virtio_piece){ request->phys,
						    request->message_bytes };
	if (request->reply_bytes)
		request->pieces[1 + request->out] = reply;
	error = virtqueue_add(queue, request->pieces, 1 + request->out,
			      request->in + (request->reply_bytes ? 1 : 0), request);
	if (error)
		return error;
	request->in_flight = true;
	if (!exchange->in_flight++)
		watchdog_begin(&exchange->watchdog);
	return 0;
}

/* Hands what waits to one queue, while there is room; true: something was added. */
static bool pump(struct exchange *exchange, struct virtqueue *queue)
{
	bool added = false;

	while (exchange->waiting) {
		struct exchange_request *request = exchange->waiting;
		int error = exchange->error ? exchange->error : issue(request, queue);

		/* A request that comes back makes room, and pumps. */
		if (error == -ENOSPC && (exchange->in_flight || virtqueue_starved(queue)))
			break;
		exchange->waiting = request->next;
		if (!exchange->waiting)
			exchange->waiting_end = &exchange->waiting;
		if (error)
			complete(request, error == -ENODEV ? -ENODEV : -EIO, 0);
		added |= !error;
	}
	return added;
}

void exchange_submit(struct exchange_request *request)
{
	struct exchange *exchange = request->exchange;
	struct virtqueue *queue;
	unsigned long flags;
	bool kick;

	memset(request->memory->reply, 0, request->reply_bytes);
	request->status = -EINPROGRESS;
	request->next = NULL;
	flags = spin_lock(&exchange->lock);
	if (exchange->error || request->session != exchange->session) {
		complete(request, exchange->error ? exchange->error : -EIO, 0);
		spin_unlock(&exchange->lock, flags);
		return;
	}
	*exchange->waiting_end = request;
	exchange->waiting_end = &request->next;
	queue = exchange->queues[exchange->next_queue];
	if (++exchange->next_queue == exchange->queue_count)
		exchange->next_queue = 0;
	kick = pump(exchange, queue) && virtqueue_kick_prepare(queue);
	spin_unlock(&exchange->lock, flags);
	if (kick)
		virtqueue_notify(queue);
}

void exchange_submit_unattended(struct exchange_request *request)
{
	request->unattended = true;
	exchange_submit(request);
}

int exchange_wait(struct exchange_request *request, uint32_t *written)
{
	int status = __atomic_load_n(&request->status, __ATOMIC_ACQUIRE);
	struct wait wait;

	if (status == -EINPROGRESS) {
		wait_begin(&request->waiters, &wait);
		while ((status = __atomic_load_n(&request->status, __ATOMIC_ACQUIRE)) ==
		       -EINPROGRESS)
			wait_sleep(&wait, NO_DEADLINE); /* the watchdog's patience ends */
		wait_end(&wait);
	}
	*written = request->written;
	return status;
}

void exchange_used(struct exchange *exchange, struct virtqueue *queue)
{
	unsigned long flags = spin_lock(&exchange->lock);
	struct exchange_request *request;
	uint32_t written;
	bool kick;

	do {
		virtqueue_disable_cb(queue);
		while ((request = virtqueue_get(queue, &written)))
			complete(request, 0, written);
	} while (!virtqueue_enable_cb(queue) && !virtqueue_broken(queue));
	kick = exchange->waiting && pump(exchange, queue) &&
	       virtqueue_kick_prepare(queue);
	spin_unlock(&exchange->lock, flags);
	if (kick)
		virtqueue_notify(queue);
}

/* Under the lock. */
static void take_back(struct virtqueue *queue, int error)
{
	struct exchange_request *request;

	while ((request = virtqueue_detach(queue)))
		complete(request, error, 0);
}

void exchange_fail(struct exchange *exchange, int error)
{
	unsigned long flags = spin_lock(&exchange->lock);

	if (error == -ENODEV)
		__atomic_store_n(&exchange->device, NULL, __ATOMIC_RELEASE);
	__atomic_store_n(&exchange->error, error, __ATOMIC_RELEASE);
	__atomic_add_fetch(&exchange->session, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < exchange->queue_count; i++)
		take_back(exchange->queues[i], error);
	exchange->queue_count = 0; /* they are freed before the next restore */
	if (exchange->waiting)
		pump(exchange, NULL);
	wait_wake(&exchange->free_waiters, WAKE_ALL, 0);
	release_removed(exchange);
	spin_unlock(&exchange->lock, flags);
}

void exchange_queue_broken(struct exchange *exchange, struct virtqueue *queue)
{
	unsigned long flags = spin_lock(&exchange->lock);

	take_back(queue, -EIO);
	spin_unlock(&exchange->lock, flags);
}

void exchange_queue_restored(struct exchange *exchange, struct virtqueue *queue)
{
	unsigned long flags = spin_lock(&exchange->lock);
	bool kick = pump(exchange, queue) && virtqueue_kick_prepare(queue);

	spin_unlock(&exchange->lock, flags);
	if (kick)
		virtqueue_notify(queue);
}
