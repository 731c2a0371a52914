/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Sending packets (VIRTIO 1.3 §5.10.6): each is copied into a slot of its own, whose memory
 * is allocated when it is first used. Without room data wait with their sender, replies in
 * a queue that is as long as it ever gets, so that receiving can go on (§5.10.6.1). */

#include <string.h>
#include <kernel/page.h>
#include <virtio/device/vsock.h>

static bool slot_allocate(struct vsock_slot *slot)
{
	if (!slot->phys) {
		slot->phys = page_alloc(VSOCK_TX_ORDER);
		slot->memory = phys_to_virt(slot->phys);
	}
	return slot->phys != 0;
}

bool vsock_tx_allocate(struct vsock *vsock)
{
	return slot_allocate(&vsock->slots[0]);
}

/* Those with memory are used first, so that who finds none has some to wait for. The
 * queue's interrupts are wanted only when there is no room. */
void vsock_tx_prepare(struct vsock *vsock)
{
	vsock->free = NULL;
	for (unsigned i = 0; i < 2 * VSOCK_TX_SLOTS; i++) {
		struct vsock_slot *slot = &vsock->slots[i % VSOCK_TX_SLOTS];

		if ((slot->phys != 0) == (i >= VSOCK_TX_SLOTS)) {
			slot->next = vsock->free;
			vsock->free = slot;
		}
	}
	virtqueue_disable_cb(vsock->tx);
}

void vsock_tx_release(struct vsock *vsock)
{
	for (unsigned i = 0; i < VSOCK_TX_SLOTS; i++)
		if (vsock->slots[i].phys)
			page_free(vsock->slots[i].phys, VSOCK_TX_ORDER);
}

/* Takes back what was sent. Interrupts are asked for only while somebody wants room. */
static void reap(struct vsock *vsock)
{
	struct vsock_slot *slot;

	while ((slot = virtqueue_get(vsock->tx, NULL))) {
		slot->next = vsock->free;
		vsock->free = slot;
	}
}

static struct vsock_slot *take_slot(struct vsock *vsock)
{
	struct vsock_slot *slot;

	if (!vsock->free)
		reap(vsock);
	slot = vsock->free;
	if (!slot || !virtqueue_free(vsock->tx) || !slot_allocate(slot))
		return NULL;
	vsock->free = slot->next;
	return slot;
}

/* The guest's CID is the source of all [VSK-02]. False: the queue is broken, or there is no
 * room to map the buffer now. */
static bool send_slot(struct vsock *vsock, struct vsock_slot *slot,
		      const struct vsock_header *header, size_t bytes)
{
	struct vsock_header *out = (struct vsock_header *)slot->memory;
	struct virtio_piece piece = { slot->phys,
				      (uint32_t)(VSOCK_HEADER_BYTES + bytes) };

	*out = *header;
	out->src_cid = vsock->cid;
	out->len = (uint32_t)bytes;
	if (virtqueue_add(vsock->tx, &piece, 1, 0, slot)) {
		slot->next = vsock->free;
		vsock->free = slot;
		return false;
	}
	virtqueue_kick(vsock->tx);
	return true;
}

static bool send(struct vsock *vsock, const struct vsock_header *header)
{
	struct vsock_slot *slot = take_slot(vsock);

	return slot && send_slot(vsock, slot, header, 0);
}

/* Somebody waits for room: the device says when there is some. False: there is already. */
static bool want_room(struct vsock *vsock)
{
	vsock->wants_room = true;
	return virtqueue_enable_cb_delayed(vsock->tx);
}

static void send_replies(struct vsock *vsock)
{
	while (vsock->reply_count && send(vsock, &vsock->replies[vsock->reply_first])) {
		vsock->reply_first = (vsock->reply_first + 1) % VSOCK_REPLIES;
		vsock->reply_count--;
	}
}

void vsock_tx_work(struct vsock *vsock)
{
	reap(vsock);
	send_replies(vsock);
	if (vsock->reply_count) {
		if (!want_room(vsock))
			vsock_attention();
	} else if (vsock->wants_room) {
		vsock->wants_room = false;
		virtqueue_disable_cb(vsock->tx);
	}
}

static struct vsock *lock(void)
{
	struct vsock *vsock = __atomic_load_n(&vsock_device, __ATOMIC_ACQUIRE);

	if (!vsock)
		return NULL;
	mutex_lock(&vsock->mutex);
	if (!vsock->failed)
		return vsock;
	mutex_unlock(&vsock->mutex);
	return NULL;
}

/* Replies that wait go first, so that the order of a connection's packets is kept. */
void *vsock_send_begin(void)
{
	struct vsock *vsock = lock();

	if (!vsock)
		return NULL;
	send_replies(vsock);
	vsock->sending = vsock->reply_count ? NULL : take_slot(vsock);
	if (vsock->sending)
		return vsock->sending->memory + VSOCK_HEADER_BYTES;
	if (!want_room(vsock))
		vsock_attention();
	mutex_unlock(&vsock->mutex);
	return NULL;
}

bool vsock_send_end(const struct vsock_header *header, size_t bytes)
{
	struct vsock *vsock = __atomic_load_n(&vsock_device, __ATOMIC_ACQUIRE);
	bool sent = send_slot(vsock, vsock->sending, header, bytes);

	if (!sent && !want_room(vsock))
		vsock_attention();
	mutex_unlock(&vsock->mutex);
	return sent;
}

bool vsock_reply(const struct vsock_header *header)
{
	struct vsock *vsock = lock();
	bool taken = true;

	if (!vsock)
		return false;
	send_replies(vsock);
	if (vsock->reply_count || !send(vsock, header)) {
		taken = vsock->reply_count < VSOCK_REPLIES;
		if (taken)
			vsock->replies[(vsock->reply_first + vsock->reply_count++) %
				       VSOCK_REPLIES] = *header;
		if (!want_room(vsock))
			vsock_attention();
	}
	mutex_unlock(&vsock->mutex);
	return taken;
}

bool vsock_may_reply(void)
{
	struct vsock *vsock = lock();
	bool may;

	if (!vsock)
		return false;
	may = vsock->reply_count < VSOCK_REPLIES;
	mutex_unlock(&vsock->mutex);
	return may;
}
