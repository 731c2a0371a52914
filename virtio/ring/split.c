/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The split virtqueue's fast path (VIRTIO 1.3 §2.7): add, kick, get, callbacks.
 *
 * Shared memory is only stored to, save three things the device writes: the used index,
 * used elements and the word that says whether it wants kicks. Each is loaded once and
 * checked against private state. */

#include <errno.h>
#include <arch/barrier.h>
#include <arch/io.h>
#include <virtio/ring/ring.h>
#include <virtio/virtio.h>

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* Exactly one access: the other side changes or watches the word at any time. */
#define LOAD(lvalue)	     (*(const volatile __typeof__(lvalue) *)&(lvalue))
#define STORE(lvalue, value) (*(volatile __typeof__(lvalue) *)&(lvalue) = (value))

/* A buffer of more pieces than this goes through an indirect table if it can. */
#define CHAIN_PIECES_MAX 4

/* With ORDER_PLATFORM the device may sit outside the CPUs' coherence domain (§6.1). */
static inline void order_full(const struct virtqueue *vq)
{
	if (unlikely(vq->order_platform))
		barrier_device_full();
	else
		barrier_full();
}

static inline void order_read(const struct virtqueue *vq)
{
	if (unlikely(vq->order_platform))
		barrier_device_read();
	else
		barrier_read();
}

static inline void order_write(const struct virtqueue *vq)
{
	if (unlikely(vq->order_platform))
		barrier_device_write();
	else
		barrier_write();
}

/* Two whole stores: a descriptor is never read, so never modified in part. */
static inline void desc_set(struct ring_desc *desc, uint64_t address, uint32_t bytes,
			    unsigned flags, unsigned next)
{
	desc->address = address;
	desc->rest = RING_DESC_REST(bytes, flags, next);
}

/* Puts a head into the available ring; the device sees it at the next publication. */
static inline void avail_put(struct virtqueue *vq, unsigned head)
{
	vq->avail->heads[vq->avail_index & vq->mask] = (uint16_t)head;
	vq->avail_index++;
	vq->counters.added++;
}

/* A sum of pieces that no buffer may have (§2.7.5.2 allows 4 GiB). */
#define TOO_LONG (UINT64_C(1) << 40)

/* Describes pieces of one direction in descriptors from *at on: in the order of the free
 * list, or, in a table, one after the other. Returns the sum of their bytes;
 * TOO_LONG if one is empty. */
static inline __attribute__((always_inline)) uint64_t
describe(struct ring_desc *desc, const struct ring_slot *order, bool table, unsigned *at,
	 unsigned *last, const struct virtio_piece *piece, unsigned count, unsigned flags)
{
	const struct virtio_piece *end = piece + count;
	uint64_t sum = 0;

	for (; piece < end; piece++) {
		if (unlikely(!piece->bytes))
			return TOO_LONG;
		*last = *at;
		*at = table ? *last + 1 : order[*last].next;
		desc_set(&desc[*last], piece->address, piece->bytes,
			 flags | RING_DESC_NEXT, *at);
		sum += piece->bytes;
	}
	return sum;
}

/* The whole list, first what is to be read (§2.7.4.2). Takes nothing from the free list,
 * so that a bad one leaves no trace; false: it is one. *at: past the last. */
static inline __attribute__((always_inline)) bool
describe_all(struct ring_desc *desc, const struct ring_slot *order, bool table,
	     unsigned *at, struct ring_slot *slot, const struct virtio_piece *pieces,
	     unsigned readable, unsigned writable)
{
	unsigned last = *at;
	uint64_t read = describe(desc, order, table, at, &last, pieces, readable, 0);
	uint64_t written = describe(desc, order, table, at, &last, pieces + readable,
				    writable, RING_DESC_WRITE);

	desc[last].rest = RING_DESC_REST(pieces[readable + writable - 1].bytes,
					 writable ? RING_DESC_WRITE : 0, 0);
	slot->writable = (uint32_t)written;
	return read + written <= UINT32_MAX;
}

/* A table belongs to its descriptor for good, so nothing is allocated. Tables carry no
 * INDIRECT flag and are never longer than the queue (§2.7.5.3.1). */
static __attribute__((noinline)) bool add_indirect(struct virtqueue *vq,
						   const struct virtio_piece *pieces,
						   unsigned readable, unsigned writable)
{
	unsigned head = vq->free_head, at = 0;
	struct ring_slot *slot = &vq->slots[head];
	size_t first = (size_t)head * vq->table_pieces;

	if (!describe_all(vq->tables + first, NULL, true, &at, slot, pieces, readable,
			  writable))
		return false;
	desc_set(&vq->desc[head], vq->tables_phys + first * sizeof(struct ring_desc),
		 (uint32_t)(at * sizeof(struct ring_desc)), RING_DESC_INDIRECT, 0);
	vq->free_head = slot->next;
	vq->free--;
	slot->count = 1;
	return true;
}

/* A chain through the descriptor table, along the private free list (§2.7.5). */
static inline bool add_chain(struct virtqueue *vq, const struct virtio_piece *pieces,
			     unsigned readable, unsigned writable)
{
	unsigned at = vq->free_head;
	struct ring_slot *slot = &vq->slots[at];

	if (!describe_all(vq->desc, vq->slots, false, &at, slot, pieces, readable,
			  writable))
		return false;
	vq->free_head = (uint16_t)at;
	vq->free -= (uint16_t)(readable + writable);
	slot->count = (uint16_t)(readable + writable);
	return true;
}

/* While there is plenty of room a short chain is cheaper for both sides than a table;
 * when the ring fills up, a table makes each buffer cost one descriptor. */
static bool wants_table(const struct virtqueue *vq, unsigned count)
{
	if (!vq->tables || count > vq->table_pieces)
		return false;
	return count > CHAIN_PIECES_MAX || count > vq->free ||
	       vq->free - count < vq->size / 2;
}

static __attribute__((noinline)) int add_list(struct virtqueue *vq,
					      const struct virtio_piece *pieces,
					      unsigned readable, unsigned writable,
					      void *token)
{
	unsigned count = readable + writable, head = vq->free_head;
	bool good;

	if (count == 0 || count > vq->size || !token)
		return -EINVAL;
	if (vq->free && count > 1 && wants_table(vq, count)) {
		good = add_indirect(vq, pieces, readable, writable);
	} else if (count <= vq->free) {
		good = add_chain(vq, pieces, readable, writable);
	} else {
		vq->counters.full++;
		return -ENOSPC;
	}
	if (!good)
		return -EINVAL;
	vq->slots[head].token = token;
	avail_put(vq, head);
	return 0;
}

int virtqueue_add(struct virtqueue *vq, const struct virtio_piece *pieces,
		  unsigned readable, unsigned writable, void *token)
{
	if (unlikely(vq->blocked & VIRTQUEUE_BROKEN))
		return -EIO;
	if (readable + writable == 1 && likely(vq->free && token && pieces->bytes)) {
		unsigned head = vq->free_head;
		struct ring_slot *slot = &vq->slots[head];

		desc_set(&vq->desc[head], pieces->address, pieces->bytes,
			 writable ? RING_DESC_WRITE : 0, 0);
		vq->free_head = slot->next;
		vq->free--;
		slot->token = token;
		slot->writable = writable ? pieces->bytes : 0;
		slot->count = 1;
		avail_put(vq, head);
		return 0;
	}
	return add_list(vq, pieces, readable, writable, token);
}

bool virtqueue_kick_prepare(struct virtqueue *vq)
{
	uint16_t now = vq->avail_index;
	uint16_t before = vq->published;
	bool wanted;

	if (now == before || unlikely(vq->blocked))
		return false;
	order_write(vq); /* §2.7.13.3.1: descriptors and heads before the index */
	STORE(vq->avail->index, now);
	vq->published = now;
	order_full(vq); /* §2.7.13.4.1: the index before the look at what it wants */
	if (vq->event_idx) {
		/* §2.7.10: does [before, now) step over the index it waits for? */
		uint16_t event = *ring_avail_event(vq);

		wanted = (uint16_t)(now - event - 1) < (uint16_t)(now - before);
	} else {
		wanted = !(LOAD(vq->used->flags) & RING_USED_NO_NOTIFY);
	}
	if (wanted)
		vq->counters.kicks++;
	else
		vq->counters.kicks_saved++;
	return wanted;
}

void virtqueue_notify(struct virtqueue *vq)
{
	/* §4.1.5.2: one 16-bit write of the queue's index. */
	if (likely(vq->doorbell))
		mmio_write16(vq->doorbell, vq->index);
	else
		port_write16(vq->doorbell_port, vq->index);
}

/* The device broke a rule; its memory of us is worth nothing from here on. */
static __attribute__((noinline, cold)) void violation(struct virtqueue *vq,
						      const char *why)
{
	vq->blocked |= VIRTQUEUE_BROKEN;
	virtio_device_break(vq->device, why);
}

/* Looks how far the device is, at most once a burst. False: nothing new, or it lies. */
static bool used_look(struct virtqueue *vq)
{
	uint16_t index = LOAD(vq->used->index);

	if (index == vq->last_used)
		return false;
	if (unlikely((uint16_t)(index - vq->last_used) >
		     (uint16_t)(vq->published - vq->last_used))) {
		violation(vq, "used index beyond what is in flight");
		return false;
	}
	order_read(vq); /* §2.7.14: the index before the elements it covers */
	vq->used_index = index;
	return true;
}

static inline void free_chain(struct virtqueue *vq, unsigned head, struct ring_slot *slot)
{
	struct ring_slot *last = slot;

	for (unsigned left = slot->count; left > 1; left--)
		last = &vq->slots[last->next];
	last->next = vq->free_head;
	vq->free_head = (uint16_t)head;
	vq->free += slot->count;
	slot->token = NULL;
}

void *virtqueue_get(struct virtqueue *vq, uint32_t *written)
{
	const struct ring_used_element *element;
	struct ring_slot *slot;
	uint32_t id, bytes;
	void *token;

	if (unlikely(vq->blocked & VIRTQUEUE_BROKEN))
		return NULL;
	if (vq->last_used == vq->used_index && !used_look(vq))
		return NULL;
	element = &vq->used->elements[vq->last_used & vq->mask];
	id = LOAD(element->id);
	bytes = LOAD(element->bytes);
	if (unlikely(id >= vq->size)) {
		violation(vq, "used id out of range");
		return NULL;
	}
	slot = &vq->slots[id];
	token = slot->token;
	if (unlikely(!token)) {
		violation(vq, "used id not in flight");
		return NULL;
	}
	if (unlikely(bytes > slot->writable)) {
		bytes = slot->writable;
		vq->counters.length_clamped++;
	}
	if (written)
		*written = bytes;
	free_chain(vq, id, slot);
	vq->last_used++;
	vq->counters.used++;
	return token;
}

static void event_set(struct virtqueue *vq, uint16_t event)
{
	if (event == vq->used_event)
		return;
	vq->used_event = event;
	*ring_used_event(vq) = event;
}

static void flags_set(struct virtqueue *vq, uint8_t flags)
{
	if (flags == vq->avail_flags)
		return;
	vq->avail_flags = flags;
	STORE(vq->avail->flags, flags);
}

void virtqueue_disable_cb(struct virtqueue *vq)
{
	vq->armed = false;
	if (!vq->event_idx)
		flags_set(vq, RING_AVAIL_NO_INTERRUPT);
	else if (!vq->event_triggered)
		/* §2.7.7: flags stay 0; an event just passed is as far away as can be. */
		event_set(vq, (uint16_t)(vq->last_used - 1));
}

/* Asks for an interrupt once `ahead` more buffers are used than were taken so far, then
 * looks again for those that came before the device could see it (§2.7.7.1). */
static bool arm(struct virtqueue *vq, uint16_t ahead)
{
	uint16_t used;

	if (unlikely(vq->blocked & VIRTQUEUE_BROKEN))
		return true;
	vq->event_triggered = false;
	vq->armed_at = vq->last_used;
	vq->armed = true;
	if (vq->event_idx)
		event_set(vq, (uint16_t)(vq->last_used + ahead));
	else
		flags_set(vq, 0);
	order_full(vq);
	used = LOAD(vq->used->index);
	return (uint16_t)(used - vq->last_used) <= ahead;
}

bool virtqueue_enable_cb(struct virtqueue *vq)
{
	return arm(vq, 0);
}

bool virtqueue_enable_cb_delayed(struct virtqueue *vq)
{
	uint16_t in_flight = (uint16_t)(vq->published - vq->last_used);

	return arm(vq, (uint16_t)(in_flight * 3u / 4));
}

/* Buffers that somebody took between the device's interrupt and us still owe a callback if
 * it was asked for: it may be what arms the queue again. */
bool virtqueue_interrupt(struct virtqueue *vq)
{
	uint16_t used;

	if (vq->blocked || !vq->callback)
		return false;
	used = LOAD(vq->used->index);
	if (used == vq->last_used && (!vq->armed || used == vq->armed_at))
		return false; /* shared vector, or nobody asked */
	vq->event_triggered = true;
	vq->counters.interrupts++;
	vq->callback(vq);
	return true;
}

void *virtqueue_detach(struct virtqueue *vq)
{
	for (; vq->detach_next < vq->size; vq->detach_next++) {
		struct ring_slot *slot = &vq->slots[vq->detach_next];
		void *token = slot->token;

		if (token) {
			free_chain(vq, vq->detach_next, slot);
			return token;
		}
	}
	return NULL;
}
