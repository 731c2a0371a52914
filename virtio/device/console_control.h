/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The control queues of a console device with several ports (VIRTIO 1.3 §5.3.6.2): console_control.c speaks,
 * console_multiport.c sets up. */

#ifndef VIRTIO_DEVICE_CONSOLE_CONTROL_H
#define VIRTIO_DEVICE_CONSOLE_CONTROL_H

#include <virtio/device/console.h>

/* Little-endian (§5.3.6.2); a name or a size may follow. */
struct control_message {
	uint32_t id;
	uint16_t event;
	uint16_t value;
};

#define PORTS_MAX	32  /* of a device that says more the others are not served */
#define RECEIVE_BYTES	128 /* a message and a name */
#define RECEIVE_BUFFERS 32  /* together a page */
/* Each answer of ours makes the host send up to three messages, and QEMU drops those that
 * find no buffer: so few answers are out at a time. */
#define SEND_BUFFERS 4

struct control {
	struct spinlock lock; /* taken before a port's */
	struct virtqueue *receive, *transmit;
	uint8_t *received; /* the device writes: RECEIVE_BUFFERS × RECEIVE_BYTES */
	uint64_t received_phys;
	uint32_t idle;		      /* of RECEIVE_BUFFERS, a bit each: to be posted */
	struct control_message *sent; /* the device reads: SEND_BUFFERS */
	uint64_t sent_phys;
	unsigned sent_free; /* bit set */
	bool greet;	    /* DEVICE_READY is to be sent */
	bool announce;	    /* port 0 turned out to be a console */
	bool warned;	    /* of a port we do not serve */
	unsigned next_port; /* round robin over ports with pending answers */
};

/* Exposes the receive buffers of the control queue that are idle, as far as there is room;
 * the queue calls back when there is more. Under the lock; true: something was added. */
bool control_post_idle(struct control *control);
void control_run(struct console_device *console);
void control_used(struct virtqueue *queue); /* callback of both queues */

#endif
