/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The control queues of a console device with several ports (VIRTIO 1.3 §5.3.6.2):
 * console_control.c hears, console_say.c speaks, console_multiport.c sets up. */

#ifndef VIRTIO_DEVICE_CONSOLE_CONTROL_H
#define VIRTIO_DEVICE_CONSOLE_CONTROL_H

#include <virtio/device/console.h>

/* Little-endian (§5.3.6.2); a name or a size may follow. */
struct control_message {
	uint32_t id;
	uint16_t event;
	uint16_t value;
};

enum control_event {
	CONTROL_DEVICE_READY = 0,
	CONTROL_DEVICE_ADD = 1,
	CONTROL_DEVICE_REMOVE = 2,
	CONTROL_PORT_READY = 3,
	CONTROL_CONSOLE_PORT = 4,
	CONTROL_RESIZE = 5,
	CONTROL_PORT_OPEN = 6,
	CONTROL_PORT_NAME = 7,
};

#define PORTS_MAX	32  /* of a device that says more the others are not served */
#define RECEIVE_BYTES	128 /* a message and a name */
#define RECEIVE_BUFFERS 32  /* together a page */
/* Each answer of ours makes the host send up to three messages, and QEMU drops those that
 * find no buffer: so few answers are out at a time. */
#define SEND_BUFFERS 4

/* What we say: bits of ferrule_port.control_pending, and for the device as a whole. */
enum control_saying {
	PENDING_READY = 1,
	PENDING_REFUSAL = 2,
	PENDING_OPEN = 4,
	GREETING = 8,
};

struct control_note {
	uint8_t port, what; /* what: one of control_saying */
};

struct control {
	struct spinlock lock; /* taken before a port's */
	struct virtqueue *receive, *transmit;
	uint8_t *received; /* the device writes: RECEIVE_BUFFERS × RECEIVE_BYTES */
	uint64_t received_phys;
	uint32_t idle;		      /* of RECEIVE_BUFFERS, a bit each: to be posted */
	struct control_message *sent; /* the device reads: SEND_BUFFERS */
	uint64_t sent_phys;
	unsigned sent_free;			 /* bit set */
	struct control_note notes[SEND_BUFFERS]; /* what each says that is not free */
	unsigned asked;	    /* bit set: sent since messages of the host were lost */
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
/* The receive queue was reset: messages of the host may be lost. Under the lock. */
void control_take_back_received(struct console_device *console);

/* console_say.c; all under the lock. */

/* Sends what is owed, as far as there are buffers. */
void control_send_pending(struct console_device *console);
/* Which of our messages the device has used, a bit each. */
unsigned control_reap_sent(struct control *control);
/* The transmit queue was reset: what was in it is owed again. */
void control_take_back_sent(struct console_device *console);

#endif
