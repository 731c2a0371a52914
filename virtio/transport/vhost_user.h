/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Virtio to another process: this end of the vhost-user protocol (QEMU's
 * docs/interop/vhost-user), where we are what it calls the front end.
 *
 * The back end maps our memory, takes requests from the rings and answers by counters
 * (eventfd); all else goes by messages over a socket, one at a time: vhost_user_message.c
 * sends and receives, vhost_user_queue.c sets up rings and counters, vhost_user.c is the
 * rest of the transport.
 *
 * A back end is trusted with our memory, as a device is, and with nothing else: each of
 * its messages is checked, each wait for one is bounded. One that breaks the protocol, or
 * goes away, is a device that was unplugged. */

#ifndef VIRTIO_TRANSPORT_VHOST_USER_H
#define VIRTIO_TRANSPORT_VHOST_USER_H

#include <stdbool.h>
#include <stdint.h>
#include <host/event.h>
#include <kernel/lock.h>
#include <virtio/virtio.h>

#define VHOST_USER_QUEUES_MAX	256 /* a vring's index has 8 bits in a message */
#define VHOST_USER_CONFIG_BYTES 256 /* the most that the protocol carries */
#define VHOST_USER_REPLY_NS	(5 * NS_PER_SEC)

/* What is to be had at a socket: the protocol does not say which device it is. */
struct vhost_user_description {
	const char *socket;
	uint32_t device_id;
	unsigned queue_size; /* of each queue: ours to choose */
	unsigned queues;     /* how many, if the back end does not say */
	unsigned
		queues_each; /* queues that count as one with the back end: 2 of a card */
	/* Features that are the front end's business: what the back end says of them
	 * means nothing as long as it has no configuration space. */
	uint64_t front_end_features;
	/* The configuration space, for back ends without. */
	uint8_t config[VHOST_USER_CONFIG_BYTES];
	unsigned config_bytes;
};

/* Connects and adds the device. -errno, with a log line. Context: thread. */
int vhost_user_add(const struct vhost_user_description *description);

struct vhost_user;

/* One queue's counters. */
struct vhost_user_queue {
	struct host_event call; /* first; its descriptor: the back end raises it */
	struct virtqueue *vq;
	int kick; /* we raise it */
	bool started;
};

struct vhost_user {
	struct virtio_device device; /* first: transports get a pointer to it */
	struct vhost_user_description description;

	/* vhost_user_message.c's. */
	struct spinlock lock;	/* one message at a time */
	struct host_event link; /* the socket; it is readable when it closes */
	struct host_event back; /* requests of the back end's own */
	bool gone;		/* no more messages; under lock */
	bool added;		/* the virtio core knows the device */

	uint64_t features, protocol; /* as offered, and as agreed upon */
	bool features_refused;	     /* when they were set last */
	bool memory_known;
	uint8_t status; /* as last set, for back ends that keep none */
	uint8_t config[VHOST_USER_CONFIG_BYTES]; /* as last read */
	unsigned config_bytes;			 /* of it */
	uint32_t generation;			 /* counts what was seen to change */
	struct vhost_user_queue *queues;
	unsigned queue_count; /* with counters */
	unsigned queue_limit;
	char interrupts[24];
};

static inline struct vhost_user *vhost_user(struct virtio_device *device)
{
	return (struct vhost_user *)device;
}

enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_SET_BACKEND_REQ_FD = 21,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_RESET_DEVICE = 34,
	VHOST_USER_SET_STATUS = 39,
	VHOST_USER_GET_STATUS = 40,
};

enum vhost_user_protocol_feature {
	VHOST_USER_MQ = 0,
	VHOST_USER_REPLY_ACK = 3,
	VHOST_USER_BACKEND_REQ = 5,
	VHOST_USER_CONFIG = 9,
	VHOST_USER_RESET = 13,
	VHOST_USER_STATUS = 16,
};
/* Bit 30 of the features: the back end has protocol features. */
#define VHOST_USER_HAS_PROTOCOL_FEATURES 30

static inline bool vhost_user_has(const struct vhost_user *self,
				  enum vhost_user_protocol_feature feature)
{
	return self->protocol >> feature & 1;
}

/* One request that the back end does not answer, save with an acknowledgement where that
 * was agreed upon: then it is waited for, and -EPROTO says that the back end refused.
 * -ENODEV: it is gone. */
int vhost_user_set(struct vhost_user *self, enum vhost_user_request request,
		   const void *payload, uint32_t bytes, const int *fds,
		   unsigned fd_count);
int vhost_user_set_u64(struct vhost_user *self, enum vhost_user_request request,
		       uint64_t value);

/* One request that is answered with a payload, whose length must be `bytes`. */
int vhost_user_get(struct vhost_user *self, enum vhost_user_request request,
		   const void *payload, uint32_t payload_bytes, void *reply,
		   uint32_t bytes);
int vhost_user_get_u64(struct vhost_user *self, enum vhost_user_request request,
		       uint64_t *value);

/* Opens the connection, and the back end's own way to speak to us. */
int vhost_user_connect(struct vhost_user *self);
int vhost_user_open_back(struct vhost_user *self);
void vhost_user_disconnect(struct vhost_user *self);

/* vhost_user_queue.c: the transport's functions of these names. */
int vhost_user_queue_enable(struct virtio_device *device, struct virtqueue *vq);
int vhost_user_queue_reset(struct virtio_device *device, struct virtqueue *vq);
void vhost_user_notify(struct virtqueue *vq);
int vhost_user_interrupts_attach(struct virtio_device *device, unsigned count);
void vhost_user_interrupts_detach(struct virtio_device *device);
/* 0: the back end has let go of the ring. */
int vhost_user_stop(struct vhost_user *self, struct vhost_user_queue *queue);

/* From the back end's requests: its configuration changed. Interrupt context. */
void vhost_user_config_changed(struct vhost_user *self);

#endif
