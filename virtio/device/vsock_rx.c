/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Receiving packets (VIRTIO 1.3 §5.10.6): a page each, looked at where they lie. */

#include <string.h>
#include <kernel/page.h>
#include <virtio/device/vsock.h>

/* Gives the device what it does not have, as far as there is room: what finds none where
 * buffers are mapped goes when the queue calls back. */
void vsock_rx_post(struct vsock *vsock)
{
	while (vsock->rx_idle && virtqueue_free(vsock->rx)) {
		unsigned token = (unsigned)__builtin_ctzll(vsock->rx_idle) + 1;
		struct virtio_piece piece = { vsock->rx_phys[token - 1], VSOCK_RX_BYTES };

		if (virtqueue_add(vsock->rx, &piece, 0, 1, (void *)(uintptr_t)token))
			break;
		vsock->rx_idle &= ~vsock_bit(token);
	}
}

/* The device says by the ring's own means when it wants to hear of it. */
static void give_back(struct vsock *vsock, unsigned token)
{
	vsock->rx_idle |= vsock_bit(token);
	vsock_rx_post(vsock);
	virtqueue_kick(vsock->rx);
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

/* The token of the next packet; 0: none now. A device that makes nothing but rubbish gets
 * so much attention and no more. */
static unsigned next(struct vsock *vsock, struct vsock_header *header)
{
	for (unsigned tries = 0; tries < VSOCK_RX_BUFFERS; tries++) {
		uint32_t written;
		unsigned token = (unsigned)(uintptr_t)virtqueue_get(vsock->rx, &written);

		if (token && look(vsock, token, written, header))
			return token;
		if (token)
			give_back(vsock, token);
		else if (virtqueue_enable_cb(vsock->rx) || virtqueue_broken(vsock->rx))
			return 0;
	}
	vsock_attention();
	return 0;
}

const void *vsock_receive(struct vsock_header *header)
{
	struct vsock *vsock = vsock_current();
	unsigned token = 0;

	if (!vsock)
		return NULL;
	mutex_lock(&vsock->mutex);
	if (!vsock->failed)
		token = vsock->rx_current = next(vsock, header);
	mutex_unlock(&vsock->mutex);
	return token ? (char *)phys_to_virt(vsock->rx_phys[token - 1]) +
			       VSOCK_HEADER_BYTES
		     : NULL;
}

/* The driver stays as it is while a packet is looked at: vsock_quiet(). */
void vsock_received(void)
{
	struct vsock *vsock = __atomic_load_n(&vsock_device, __ATOMIC_ACQUIRE);

	mutex_lock(&vsock->mutex);
	if (!vsock->failed)
		give_back(vsock, vsock->rx_current);
	vsock->rx_current = 0;
	mutex_unlock(&vsock->mutex);
}
