/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Messages of the vhost-user protocol: a header, a payload, and descriptors beside it.
 * They are native-endian. What comes in is taken into private memory and its header is
 * compared with what was asked before anything of it is used. */

#include <errno.h>
#include <string.h>
#include <host/socket.h>
#include <kernel/log.h>
#include <virtio/transport/vhost_user.h>

#define FLAGS_VERSION	 0x1
#define FLAGS_VERSIONS	 0x3
#define FLAGS_REPLY	 0x4
#define FLAGS_NEED_REPLY 0x8

#define PAYLOAD_MAX (12 + VHOST_USER_CONFIG_BYTES) /* of all that we know */

struct header {
	uint32_t request;
	uint32_t flags;
	uint32_t bytes; /* of the payload */
};

struct message {
	struct header header;
	uint8_t payload[PAYLOAD_MAX];
};

/* The back end's own requests. */
enum { BACKEND_CONFIG_CHANGE = 2 };

/* The connection is worth nothing from here on: half a message may be under way. */
static int lose(struct vhost_user *self, const char *why)
{
	if (self->gone)
		return -ENODEV;
	self->gone = true;
	log_error("vhost-user: %s: %s", self->description.socket, why);
	host_event_remove(&self->link);
	host_event_remove(&self->back);
	if (self->added)
		virtio_device_gone(&self->device);
	return -ENODEV;
}

static int send_request(struct vhost_user *self, uint32_t request, uint32_t flags,
			const void *payload, uint32_t bytes, const int *fds,
			unsigned fd_count)
{
	struct message message = { { request, FLAGS_VERSION | flags, bytes }, { 0 } };
	int error;

	if (self->gone)
		return -ENODEV;
	if (bytes > sizeof(message.payload))
		return -EINVAL;
	if (bytes)
		memcpy(message.payload, payload, bytes);
	error = host_socket_send(self->link.fd, &message, sizeof(message.header) + bytes,
				 fds, fd_count, clock_ns() + VHOST_USER_REPLY_NS);
	if (error)
		return lose(self, error == -ETIMEDOUT ? "it takes no messages"
						      : "it has closed the connection");
	return 0;
}

static int receive_reply(struct vhost_user *self, uint32_t request, void *reply,
			 uint32_t bytes)
{
	uint64_t deadline = clock_ns() + VHOST_USER_REPLY_NS;
	struct header header;
	int error = host_socket_receive(self->link.fd, &header, sizeof(header), deadline);

	if (!error &&
	    (header.request != request || !(header.flags & FLAGS_REPLY) ||
	     (header.flags & FLAGS_VERSIONS) != FLAGS_VERSION || header.bytes != bytes))
		return lose(self, "its answer is to another question");
	if (!error)
		error = host_socket_receive(self->link.fd, reply, bytes, deadline);
	if (error)
		return lose(self, error == -ETIMEDOUT ? "it does not answer"
						      : "it has closed the connection");
	return 0;
}

int vhost_user_set(struct vhost_user *self, enum vhost_user_request request,
		   const void *payload, uint32_t bytes, const int *fds, unsigned fd_count)
{
	bool acknowledged = vhost_user_has(self, VHOST_USER_REPLY_ACK);
	unsigned long flags = spin_lock(&self->lock);
	uint64_t refused = 0;
	int error = send_request(self, request, acknowledged ? FLAGS_NEED_REPLY : 0,
				 payload, bytes, fds, fd_count);

	if (!error && acknowledged)
		error = receive_reply(self, request, &refused, sizeof(refused));
	spin_unlock(&self->lock, flags);
	if (!error && refused) {
		log_error("vhost-user: %s: it refuses request %d",
			  self->description.socket, (int)request);
		return -EPROTO;
	}
	return error;
}

int vhost_user_set_u64(struct vhost_user *self, enum vhost_user_request request,
		       uint64_t value)
{
	return vhost_user_set(self, request, &value, sizeof(value), NULL, 0);
}

int vhost_user_get(struct vhost_user *self, enum vhost_user_request request,
		   const void *payload, uint32_t payload_bytes, void *reply,
		   uint32_t bytes)
{
	unsigned long flags = spin_lock(&self->lock);
	int error = send_request(self, request, 0, payload, payload_bytes, NULL, 0);

	if (!error)
		error = receive_reply(self, request, reply, bytes);
	spin_unlock(&self->lock, flags);
	return error;
}

int vhost_user_get_u64(struct vhost_user *self, enum vhost_user_request request,
		       uint64_t *value)
{
	return vhost_user_get(self, request, NULL, 0, value, sizeof(*value));
}

/* Between our requests the back end has nothing to say here, so it went away. */
static void link_ready(struct host_event *event)
{
	struct vhost_user *self =
		(struct vhost_user *)((char *)event - offsetof(struct vhost_user, link));

	lose(self, host_socket_closed(event->fd) ? "it has closed the connection"
						 : "it speaks without being asked");
}

/* Requests of the back end's own. Their payload is not looked at: what we are told is to
 * look for ourselves. */
static void back_ready(struct host_event *event)
{
	struct vhost_user *self =
		(struct vhost_user *)((char *)event - offsetof(struct vhost_user, back));
	uint64_t deadline = clock_ns() + VHOST_USER_REPLY_NS, failed;
	struct message message;
	int error = host_socket_receive(event->fd, &message.header,
					sizeof(message.header), deadline);

	if (!error && message.header.bytes > sizeof(message.payload))
		error = -EMSGSIZE;
	if (!error)
		error = host_socket_receive(event->fd, message.payload,
					    message.header.bytes, deadline);
	if (error) { /* it may close this way and keep the other */
		host_event_remove(event);
		return;
	}
	failed = message.header.request != BACKEND_CONFIG_CHANGE;
	if (!failed)
		vhost_user_config_changed(self);
	if (message.header.flags & FLAGS_NEED_REPLY) {
		message.header.flags = FLAGS_VERSION | FLAGS_REPLY;
		message.header.bytes = sizeof(failed);
		memcpy(message.payload, &failed, sizeof(failed));
		error = host_socket_send(event->fd, &message,
					 sizeof(message.header) + sizeof(failed), NULL, 0,
					 deadline);
		if (error)
			host_event_remove(event);
	}
}

int vhost_user_connect(struct vhost_user *self)
{
	int error;

	self->link = (struct host_event){ host_socket_connect(self->description.socket),
					  link_ready };
	self->back = (struct host_event){ -1, back_ready };
	if (self->link.fd < 0) {
		log_error("vhost-user: no back end listens at %s (error %d)",
			  self->description.socket, -self->link.fd);
		return self->link.fd;
	}
	error = host_event_add(&self->link);
	if (error)
		vhost_user_disconnect(self);
	return error;
}

int vhost_user_open_back(struct vhost_user *self)
{
	int ends[2];
	int error = host_socket_pair(ends);

	if (error)
		return error;
	self->back.fd = ends[0];
	error = host_event_add(&self->back);
	if (!error)
		error = vhost_user_set(self, VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0,
				       &ends[1], 1);
	host_close(ends[1]); /* the back end has its own copy */
	return error;
}

void vhost_user_disconnect(struct vhost_user *self)
{
	host_event_remove(&self->link);
	host_event_remove(&self->back);
	host_close(self->link.fd);
	host_close(self->back.fd);
	self->gone = true;
}
