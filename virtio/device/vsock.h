/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The socket device (VIRTIO 1.3 §5.10) as the socket layer sees it: packets in and out.
 * vsock.c is the driver, vsock_rx.c receives, vsock_tx.c sends. There is one such device;
 * calls come from threads, in any number, and do not sleep but for the driver's mutex. */

#ifndef VIRTIO_DEVICE_VSOCK_H
#define VIRTIO_DEVICE_VSOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <kernel/sync.h>
#include <virtio/virtio.h>

enum vsock_feature {
	VIRTIO_VSOCK_F_STREAM = 0,
	VIRTIO_VSOCK_F_SEQPACKET = 1,
	VIRTIO_VSOCK_F_NO_IMPLIED_STREAM = 2,
};

enum vsock_operation {
	VIRTIO_VSOCK_OP_REQUEST = 1,
	VIRTIO_VSOCK_OP_RESPONSE = 2,
	VIRTIO_VSOCK_OP_RST = 3,
	VIRTIO_VSOCK_OP_SHUTDOWN = 4,
	VIRTIO_VSOCK_OP_RW = 5,
	VIRTIO_VSOCK_OP_CREDIT_UPDATE = 6,
	VIRTIO_VSOCK_OP_CREDIT_REQUEST = 7,
};

enum vsock_type { VIRTIO_VSOCK_TYPE_STREAM = 1, VIRTIO_VSOCK_TYPE_SEQPACKET = 2 };

/* Flags of SHUTDOWN: the specification gives the numbers of the bits (§5.10.6.5) … */
#define VIRTIO_VSOCK_SHUTDOWN_RECEIVE (1u << 0)
#define VIRTIO_VSOCK_SHUTDOWN_SEND    (1u << 1)
/* … and of RW masks (§5.10.6.6.1). */
#define VIRTIO_VSOCK_SEQ_EOM 1u
#define VIRTIO_VSOCK_SEQ_EOR 2u

#define VSOCK_CID_HOST 2

/* Before each payload; little-endian (§5.10.6). */
struct vsock_header {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port;
	uint32_t len;
	uint16_t type, op;
	uint32_t flags;
	uint32_t buf_alloc, fwd_cnt;
} __attribute__((packed));
#define VSOCK_HEADER_BYTES 44
_Static_assert(sizeof(struct vsock_header) == VSOCK_HEADER_BYTES, "§5.10.6");

/* The payload of one packet that we send. */
#define VSOCK_PAYLOAD_MAX (16384 - 64)

/* --- for the socket layer ------------------------------------------------------------- */

/* `attention` is called when there is something to do: packets, room, a reset. Any
 * context, also before vsock_attach() returns. False: another has it. */
bool vsock_attach(void (*attention)(void));

/* The guest's CID; 0: there is no device, or it is out of service. Any context. */
uint64_t vsock_cid(void);
bool vsock_has_type(enum vsock_type type);

/* Sends a packet: where to put up to VSOCK_PAYLOAD_MAX bytes of payload, then what it is;
 * src_cid and len are filled in. Between the two the driver is the caller's alone. NULL: no
 * room now, as after a false of vsock_send_end(), which sent nothing; attention() follows
 * when there is. */
void *vsock_send_begin(void);
bool vsock_send_end(const struct vsock_header *header, size_t bytes);
/* The same without payload, for replies: what finds no room waits in a queue of its own,
 * which ends somewhere. False: lost. */
bool vsock_reply(const struct vsock_header *header);
/* Whether a reply would find room: while not, nothing is to be received (§5.10.6.1). */
bool vsock_may_reply(void);

/* The next packet's header, checked, and its payload, which stays valid until
 * vsock_received(), whatever becomes of the device; NULL: there is none now, and
 * attention() follows when there is. */
const void *vsock_receive(struct vsock_header *header);
void vsock_received(void);

/* Sends what waits, looks for events. FORGOTTEN: every connection is over, by the device's
 * word or by its recovery; the CID may be another. LOST: packets were, with a queue that was
 * reset alone: every connection is over, but the host does not know that. Nothing is
 * received or sent behind such a gap before this is said. */
enum vsock_news { VSOCK_NO_NEWS, VSOCK_FORGOTTEN, VSOCK_LOST };
enum vsock_news vsock_work(void);

/* --- between the driver's files ------------------------------------------------------- */

#define VSOCK_RX_BUFFERS 64
#define VSOCK_RX_BYTES	 4096
#define VSOCK_TX_SLOTS	 32
#define VSOCK_TX_ORDER	 2 /* 16 KiB: a header and VSOCK_PAYLOAD_MAX */
#define VSOCK_EVENTS	 8
#define VSOCK_REPLIES	 128
_Static_assert(VSOCK_RX_BUFFERS <= 64 && VSOCK_EVENTS <= 64, "a bit each");

enum vsock_queue { VSOCK_RX, VSOCK_TX, VSOCK_EVENT, VSOCK_QUEUES };
#define VSOCK_ALL_QUEUES ((1u << VSOCK_QUEUES) - 1)

/* A packet on its way out; the device reads its memory while it is `out`. */
struct vsock_slot {
	uint64_t phys; /* 0: no memory yet */
	uint8_t *memory;
	struct vsock_slot *next; /* in the free list */
};

struct vsock {
	struct mutex mutex; /* for all that follows, save where said */
	struct virtio_device *device;
	struct virtqueue *rx, *tx, *event;
	uint64_t cid;			    /* atomic */
	bool failed;			    /* atomic: broken; the queues are dead */
	uint64_t rx_phys[VSOCK_RX_BUFFERS]; /* pages; the token is the index + 1 */
	unsigned rx_count;		    /* buffers there are */
	/* A bit each, token - 1: those the device does not have, for want of room. */
	uint64_t rx_idle, event_idle;
	unsigned rx_current; /* token of the packet that is looked at; 0: none */
	uint64_t event_phys; /* a page: VSOCK_EVENTS events of 4 bytes, 16 apart */
	struct vsock_slot slots[VSOCK_TX_SLOTS];
	struct vsock_slot *free;
	struct vsock_slot *sending; /* between vsock_send_begin() and _end() */
	struct vsock_header replies[VSOCK_REPLIES]; /* that wait for room */
	unsigned reply_first, reply_count;
	bool wants_room; /* somebody's packet found none */
	/* Queues that were reset alone and stay empty until vsock_work(), a bit each; whether
	 * there were packets in them. Set by an interrupt that finds the mutex free. */
	unsigned emptied;
	bool lost;
};

extern struct vsock *vsock_device; /* vsock.c: atomic; NULL: none */
extern void (*vsock_attention)(void);
struct vsock *vsock_current(void); /* NULL also while it is out of service */

static inline uint64_t vsock_bit(unsigned token) /* of rx_idle, event_idle */
{
	return UINT64_C(1) << (token - 1);
}

void vsock_rx_post(struct vsock *vsock); /* under the mutex */

bool vsock_tx_allocate(struct vsock *vsock); /* the first slot's memory */
void vsock_tx_prepare(struct vsock *vsock);  /* all slots are free, no callbacks */
void vsock_tx_release(struct vsock *vsock);  /* frees their memory */
void vsock_tx_work(struct vsock *vsock);     /* under the mutex */

#endif
