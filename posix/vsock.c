/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The table of AF_VSOCK sockets, and the thread that takes in what comes (VIRTIO 1.3
 * §5.10.6). */

#include <ferrule/entropy.h>
#include <ferrule/vsock.h>
#include <kernel/heap.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/time.h>
#include <posix/vsock.h>

#define TURN_PACKETS 256u   /* then others get net_lock() */
#define PORT_FIRST   49152u /* of those given to sockets that ask for none */

struct net_waiter *vsock_room_waiters;
struct vsock_socket *vsock_sockets;

static struct wait_queue idle; /* the thread sleeps here */
static bool attention;	       /* atomic: it shall look */

uint64_t ferrule_vsock_cid(void)
{
	return vsock_cid();
}

/* --- sockets ---------------------------------------------------------------------------- */

struct vsock_socket *vsock_create(int type, int flags)
{
	struct vsock_socket *self = kzalloc(sizeof(*self));

	if (!self)
		return NULL;
	socket_init(&self->socket, &socket_vsock, AF_VSOCK, type, 0, flags);
	vsock_options_begin(self);
	return self;
}

void vsock_list(struct vsock_socket *self)
{
	self->next = vsock_sockets;
	vsock_sockets = self;
	self->listed = true;
}

void vsock_unlist(struct vsock_socket *self)
{
	struct vsock_socket **link = &vsock_sockets;

	if (!self->listed)
		return;
	while (*link != self)
		link = &(*link)->next;
	*link = self->next;
	self->listed = false;
}

void vsock_free(struct vsock_socket *self)
{
	vsock_unlist(self);
	kfree(self->ring);
	kfree(self->ends);
	kfree(self);
}

static bool port_in_use(uint32_t port)
{
	for (const struct vsock_socket *each = vsock_sockets; each; each = each->next)
		if (each->bound && each->local_port == port)
			return true;
	return false;
}

/* Ports are unique among those that were bound; accepted connections share their
 * listener's. The first one is random, so that a rebooted guest meets no old connection. */
int vsock_take_port(struct vsock_socket *self, uint32_t port)
{
	static uint32_t next;

	if (port != UINT32_MAX) {
		if (port_in_use(port))
			return -EADDRINUSE;
	} else {
		if (!next) {
			ferrule_entropy_read(&next, sizeof(next));
			next %= 1u << 24;
		}
		do
			port = PORT_FIRST + next++ % (UINT32_MAX - PORT_FIRST);
		while (port_in_use(port));
	}
	self->local_port = port;
	self->bound = true;
	vsock_list(self);
	return 0;
}

/* --- packets ---------------------------------------------------------------------------- */

static struct vsock_socket *find(const struct vsock_header *header)
{
	struct vsock_socket *listener = NULL;

	for (struct vsock_socket *each = vsock_sockets; each; each = each->next) {
		if (each->local_port != header->dst_port)
			continue;
		if (each->state == VSOCK_LISTENING)
			listener = each;
		else if (each->peer_port == header->src_port &&
			 each->peer_cid == header->src_cid &&
			 vsock_type_of(each) == header->type)
			return each;
	}
	return listener && vsock_type_of(listener) == header->type ? listener : NULL;
}

/* To nobody in particular; never an answer to RST [VSK-03]. */
static void refuse(const struct vsock_header *header)
{
	struct vsock_header answer = {
		.dst_cid = header->src_cid,
		.src_port = header->dst_port,
		.dst_port = header->src_port,
		.type = header->type,
		.op = VIRTIO_VSOCK_OP_RST,
	};

	if (header->op != VIRTIO_VSOCK_OP_RST)
		vsock_reply(&answer);
}

/* A request becomes a connection at once; accept() fetches it. */
static void on_listener(struct vsock_socket *listener, const struct vsock_header *header)
{
	struct vsock_socket *self, **end = &listener->pending;

	if (header->op != VIRTIO_VSOCK_OP_REQUEST ||
	    listener->pending_count >= listener->backlog) {
		refuse(header);
		return;
	}
	self = vsock_create(listener->socket.type, 0);
	if (self)
		self->options = listener->options;
	if (!self || vsock_open(self)) {
		if (self)
			kfree(self);
		refuse(header);
		return;
	}
	self->state = VSOCK_CONNECTED;
	self->local_port = header->dst_port;
	self->peer_cid = (uint32_t)header->src_cid;
	self->peer_port = header->src_port;
	self->peer_buf_alloc = header->buf_alloc;
	vsock_list(self);
	while (*end)
		end = &(*end)->pending_next;
	*end = self;
	listener->pending_count++;
	vsock_say(self, VIRTIO_VSOCK_OP_RESPONSE, 0);
	socket_changed(&self->socket, 0);
	socket_changed(&listener->socket, POLLIN);
}

static void on_connecting(struct vsock_socket *self, const struct vsock_header *header)
{
	switch (header->op) {
	case VIRTIO_VSOCK_OP_RESPONSE:
		self->state = VSOCK_CONNECTED;
		self->peer_buf_alloc = header->buf_alloc;
		vsock_was_read(self);
		socket_changed(&self->socket, POLLOUT);
		break;
	case VIRTIO_VSOCK_OP_RST:
		vsock_end(self, ECONNRESET);
		break;
	default:
		vsock_abort(self, EPROTO);
	}
}

/* Hints stay, whatever later packets say (§5.10.6.5) [VSK-07]. */
static void on_shutdown(struct vsock_socket *self, uint32_t flags)
{
	self->peer_no_receive |= !!(flags & VIRTIO_VSOCK_SHUTDOWN_RECEIVE);
	self->peer_no_send |= !!(flags & VIRTIO_VSOCK_SHUTDOWN_SEND);
	if (self->peer_no_receive && self->peer_no_send && self->head == self->tail)
		vsock_abort(self, 0);
	else
		socket_changed(&self->socket, POLLIN | POLLOUT | POLLRDHUP);
}

static void on_connected(struct vsock_socket *self, const struct vsock_header *header,
			 const void *payload)
{
	if (header->op == VIRTIO_VSOCK_OP_RST) {
		vsock_end(self, 0);
		return;
	}
	if (!vsock_believe(self, header)) {
		vsock_abort(self, ECONNRESET);
		return;
	}
	switch (header->op) {
	case VIRTIO_VSOCK_OP_RW:
		if (vsock_take(self, header, payload))
			socket_changed(&self->socket, POLLIN | POLLOUT);
		else
			vsock_abort(self, ECONNRESET);
		break;
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		vsock_say(self, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
		break;
	case VIRTIO_VSOCK_OP_CREDIT_UPDATE:
		socket_changed(&self->socket, POLLOUT);
		break;
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		on_shutdown(self, header->flags);
		break;
	default: /* nothing that belongs here */
		vsock_abort(self, ECONNRESET);
	}
}

static void dispatch(const struct vsock_header *header, const void *payload)
{
	struct vsock_socket *self;

	if (header->dst_cid != vsock_cid() || header->src_cid > UINT32_MAX)
		return;
	self = vsock_has_type(header->type) ? find(header) : NULL;
	if (!self) {
		refuse(header);
		return;
	}
	switch (self->state) {
	case VSOCK_LISTENING:
		on_listener(self, header);
		break;
	case VSOCK_CONNECTING:
		on_connecting(self, header);
		break;
	case VSOCK_CONNECTED:
		on_connected(self, header, payload);
		break;
	case VSOCK_CLOSING: /* what is still on its way is of no use */
		if (header->op == VIRTIO_VSOCK_OP_RST)
			vsock_end(self, 0);
		break;
	default:
		refuse(header);
	}
}

/* --- the thread ------------------------------------------------------------------------- */

static void call_thread(void)
{
	__atomic_store_n(&attention, true, __ATOMIC_RELEASE);
	wait_wake(&idle, WAKE_ALL, 0);
}

void vsock_deadline_changed(void)
{
	call_thread();
}

/* While replies find no room nothing more is taken in: the device holds it [VSK-06]. */
uint64_t vsock_turn(void)
{
	struct vsock_header header;
	const void *payload;
	unsigned left = TURN_PACKETS;
	enum vsock_news news;
	uint64_t earliest;

	net_lock();
	news = vsock_work();
	if (news != VSOCK_NO_NEWS)
		vsock_end_all(news == VSOCK_LOST);
	if (vsock_unsaid)
		vsock_say_again();
	while (left && vsock_may_reply() && (payload = vsock_receive(&header))) {
		dispatch(&header, payload);
		vsock_received();
		left--;
	}
	net_wake(vsock_room_waiters, POLLOUT);
	earliest = vsock_expire();
	net_unlock();
	return left ? earliest : 0;
}

static void run(void *argument)
{
	struct wait wait;

	(void)argument;
	wait_begin(&idle, &wait);
	for (;;) {
		uint64_t deadline;

		__atomic_store_n(&attention, false, __ATOMIC_RELEASE);
		deadline = vsock_turn();
		if (!deadline)
			thread_yield();
		else if (!__atomic_load_n(&attention, __ATOMIC_ACQUIRE))
			wait_sleep(&wait, deadline);
	}
}

static void vsock_start(void)
{
	if (!vsock_attach(call_thread) || !thread_create("vsock", run, NULL))
		log_error("vsock: no memory for its thread: sockets get no answer");
}
INIT_CALL(INIT_SERVICE, vsock_start);
