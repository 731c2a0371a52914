/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the files of the console driver share (VIRTIO 1.3 §5.3):
 *
 *	console.c	   the driver, port 0 as the system's console, its size
 *	console_port.c	   bytes out of one port
 *	console_port_input.c  bytes into it
 *	console_recover.c  a device or a queue that broke and comes back
 *	console_control.c, console_say.c, console_multiport.c  MULTIPORT: the control queues
 *	console_api.c	   <ferrule/console.h>
 *
 * The last four are linked in only when an application uses ports; without them MULTIPORT
 * is not negotiated, and the device is one console with two queues. */

#ifndef VIRTIO_DEVICE_CONSOLE_H
#define VIRTIO_DEVICE_CONSOLE_H

#include <ferrule/console.h>
#include <kernel/console.h>
#include <kernel/lock.h>
#include <kernel/thread.h>
#include <virtio/virtio.h>

enum console_feature {
	VIRTIO_CONSOLE_F_SIZE = 0,
	VIRTIO_CONSOLE_F_MULTIPORT = 1,
	VIRTIO_CONSOLE_F_EMERG_WRITE = 2,
};

/* Offsets in the configuration space (§5.3.4). */
enum console_config {
	CONSOLE_CONFIG_COLS = 0,
	CONSOLE_CONFIG_ROWS = 2,
	CONSOLE_CONFIG_MAX_NR_PORTS = 4,
	CONSOLE_CONFIG_EMERG_WR = 8,
};

#define PORT_NAME_BYTES	  64
#define PORT_OUTPUT_BYTES 8192 /* power of two; what is written but not taken yet */
#define PORT_INPUT_COUNT  4    /* receive buffers */
#define PORT_INPUT_BYTES  1024 /* of each */

struct console_device;

/* A receive buffer, posted or full. */
struct port_input {
	uint8_t *data;
	uint64_t phys;
	uint32_t bytes, taken;	 /* received, and read of that */
	struct port_input *next; /* in the list of full ones */
};

struct ferrule_port {
	struct console_device *console;
	unsigned id;
	struct virtqueue *receive, *transmit;

	/* All below under lock. */
	struct spinlock lock;
	bool present;	/* the host has it */
	bool host_open; /* the host's side is open */
	bool opened;	/* by us, and said so to the host */
	bool failed;	/* the device broke, perhaps for a while */
	bool started;	/* its receive buffers are posted, or full */
	char name[PORT_NAME_BYTES];

	/* Output: a ring of bytes on pages of its own. [sent, filled) is waiting,
	 * [taken, sent) is the device's: at most one buffer is out. */
	uint8_t *output;
	uint64_t output_phys;
	unsigned taken, sent, filled; /* count for ever */
	bool stalled;		      /* a bounded wait ended without progress */
	uint64_t dropped;	      /* bytes lost that way, not yet reported */

	struct port_input inputs[PORT_INPUT_COUNT];
	struct port_input *full, **full_end; /* received, not read */
	uint32_t idle;			     /* of inputs, a bit each: to be posted */
	/* NULL: bytes are kept for ferrule_port_read(). Else they go there, in no lock. */
	void (*sink)(const char *text, size_t length);

	struct wait_queue readers, writers;
	uint8_t control_pending; /* console_control.c: answers owed to the host */
	uint8_t control_doubt;	 /* its as well: what a lost message may have changed */
	unsigned removed_at;	 /* `sent` when the host took it away last */
};

struct console_device {
	struct virtio_device *device;
	unsigned port_count; /* ids below it exist; 1 without MULTIPORT */
	struct ferrule_port *ports;
	void *control; /* console_control.c's; NULL without MULTIPORT */
	struct console text;
	/* As a message of the host said; one store. For want of the feature SIZE. */
	struct ferrule_console_size size;
	struct console_device *next; /* append only */
};

/* console.c */
extern const struct virtio_driver virtio_console_driver;
struct console_device *console_devices(void);
/* Makes port 0 the system's console, if none is yet. */
void console_announce(struct console_device *console);
struct ferrule_console_size console_size(struct console_device *console);

/* console_port.c */

/* Gives the port its memory, once; -ENOMEM. */
int port_prepare(struct ferrule_port *port);
/* Queues up to `length` bytes of present memory and sends them; the number queued. Under
 * the lock; *kick: the doorbell must be rung after it. */
size_t port_queue(struct ferrule_port *port, const char *text, size_t length, bool *kick);
/* Takes back what the device has sent, sends more. Under the lock. */
void port_reap(struct ferrule_port *port, bool *kick);
/* Queues all of it, waiting (polling) while the host takes some of it every while; what
 * is left when it stops is dropped and counted. Any context. */
void port_write_bounded(struct ferrule_port *port, const char *text, size_t length);
/* Waits, in the same way, until all was taken. */
void port_drain(struct ferrule_port *port);
/* Hands on or keeps what was received. */
void port_receive(struct ferrule_port *port);
/* Takes up to `bytes` received bytes; posts the buffers that are read empty again. */
size_t port_take(struct ferrule_port *port, void *data, size_t bytes);
/* Throws away what was received and not read. */
void port_forget_input(struct ferrule_port *port);
void console_port_start(struct ferrule_port *port); /* kernel/console.h */
void port_received(struct virtqueue *queue);	    /* callbacks */
void port_transmitted(struct virtqueue *queue);
struct ferrule_port *port_of(struct virtqueue *queue);

/* console_multiport.c; weak: there only when it is linked in. */
struct console_multiport {
	int (*probe)(struct console_device *console);
	void (*ready)(struct console_device *console);
	void (*broken)(struct console_device *console);
	int (*restore)(struct console_device *console); /* ready() follows */
	void (*queue_broken)(struct virtqueue *queue);	/* of the control queues */
	void (*queue_restored)(struct virtqueue *queue);
};
extern const struct console_multiport console_multiport __attribute__((weak));

/* console_recover.c; weak in console.c. */
void console_broken(struct virtio_device *device);
int console_restore(struct virtio_device *device);
void console_restored(struct virtio_device *device);
void console_queue_broken(struct virtqueue *queue);
void console_queue_restored(struct virtqueue *queue);
bool console_queue_leaks(const struct virtqueue *queue);
extern const struct virtqueue_wanted console_single_wanted[2]; /* console.c */

/* console_control.c */
void control_open(struct ferrule_port *port); /* tells the host that we opened it */
extern struct wait_queue control_news;	      /* woken when ports change */

#endif
