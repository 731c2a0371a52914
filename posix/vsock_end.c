/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* How vsock connections end (VIRTIO 1.3 §5.10.6.5, §5.10.6.7): by either side's word, by
 * time, or all at once. Whoever ends one the peer has not forgotten tells it by RST; what
 * cannot be said for want of room is said again. */

#include <kernel/time.h>
#include <posix/vsock.h>

bool vsock_unsaid;

void vsock_end(struct vsock_socket *self, int error)
{
	if (self->state == VSOCK_CLOSING) { /* nobody has it */
		vsock_free(self);
		return;
	}
	if (self->state == VSOCK_CONNECTING) /* it never was: it may be tried again */
		self->state = VSOCK_NEW;
	else
		self->state = VSOCK_CLOSED;
	if (error)
		self->socket.error = error;
	socket_changed(&self->socket, POLLIN | POLLOUT | POLLHUP);
}

static void tell(struct vsock_socket *self)
{
	self->untold = !vsock_say(self, VIRTIO_VSOCK_OP_RST, 0);
	vsock_unsaid |= self->untold;
}

void vsock_abort(struct vsock_socket *self, int error)
{
	tell(self);
	vsock_end(self, error);
}

/* [VSK-09] Listeners stay, under whatever CID there is now. What is closing and cannot be
 * told now is when its time is over. */
void vsock_end_all(bool told)
{
	struct vsock_socket *next;

	for (struct vsock_socket *each = vsock_sockets; each; each = next) {
		next = each->next;
		each->untold &= told;
		if (each->state < VSOCK_CONNECTING || each->state > VSOCK_CLOSING)
			continue;
		if (!told)
			vsock_end(each, ECONNRESET);
		else if (each->state != VSOCK_CLOSING || vsock_may_reply())
			vsock_abort(each, ECONNRESET);
	}
}

uint64_t vsock_expire(void)
{
	uint64_t now = clock_ns(), earliest = NO_DEADLINE;
	struct vsock_socket *next;

	for (struct vsock_socket *each = vsock_sockets; each; each = next) {
		next = each->next;
		if (each->state != VSOCK_CONNECTING && each->state != VSOCK_CLOSING)
			continue;
		if (each->deadline_ns <= now)
			vsock_abort(each, ETIMEDOUT);
		else if (each->deadline_ns < earliest)
			earliest = each->deadline_ns;
	}
	return earliest;
}

void vsock_say_again(void)
{
	vsock_unsaid = false;
	for (struct vsock_socket *each = vsock_sockets; each; each = each->next) {
		vsock_was_read(each);
		if (each->untold)
			tell(each);
	}
}
