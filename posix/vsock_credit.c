/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Buffer space of vsock connections (VIRTIO 1.3 §5.10.6.3): counters of 32 bits that run
 * freely. Every packet says what we have room for [VSK-04]; what the peer says is believed
 * only as far as it can be true [VSK-05]. */

#include <posix/vsock.h>

struct vsock_header vsock_packet(const struct vsock_socket *self, enum vsock_operation op,
				 uint32_t flags)
{
	return (struct vsock_header){
		.dst_cid = self->peer_cid,
		.src_port = self->local_port,
		.dst_port = self->peer_port,
		.type = vsock_type_of(self),
		.op = (uint16_t)op,
		.flags = flags,
		.buf_alloc = self->buf_alloc,
		.fwd_cnt = self->head,
	};
}

void vsock_told(struct vsock_socket *self, const struct vsock_header *header)
{
	self->told = header->fwd_cnt;
	self->grown &= self->buf_alloc != header->buf_alloc;
}

bool vsock_say(struct vsock_socket *self, enum vsock_operation op, uint32_t flags)
{
	struct vsock_header header = vsock_packet(self, op, flags);

	if (!vsock_reply(&header))
		return false;
	vsock_told(self, &header);
	return true;
}

/* What it has taken lies between what it had taken before and what we sent; and it cannot
 * have less space than what is on its way to it. */
bool vsock_believe(struct vsock_socket *self, const struct vsock_header *header)
{
	uint32_t before = self->tx_cnt - self->peer_fwd_cnt;
	uint32_t in_flight = self->tx_cnt - header->fwd_cnt;

	if (in_flight > before || header->buf_alloc < in_flight)
		return false;
	self->peer_fwd_cnt = header->fwd_cnt;
	self->peer_buf_alloc = header->buf_alloc;
	self->asked = false;
	return true;
}

uint32_t vsock_credit(const struct vsock_socket *self)
{
	return self->peer_buf_alloc - (self->tx_cnt - self->peer_fwd_cnt);
}

/* The peer sees buf_alloc less what it does not know to be read. When that falls under
 * half, or there is none, it hears of what was read since [VSK-11]; of more space it hears at
 * once. */
static bool is_news(const struct vsock_socket *self)
{
	uint32_t seen = self->buf_alloc - (self->tail - self->told);

	return self->grown ||
	       (self->head != self->told && (seen < self->buf_alloc / 2 || !seen));
}

/* The peer may well wait for nothing else, so what is lost is said again. */
void vsock_was_read(struct vsock_socket *self)
{
	if (self->state == VSOCK_CONNECTED && is_news(self) &&
	    !vsock_say(self, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0))
		vsock_unsaid = true;
}
