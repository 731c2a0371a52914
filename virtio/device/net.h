/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the files of the network driver share (VIRTIO 1.3 §5.1):
 *
 *	net.c		the driver: features, probing, link, list of cards
 *	net_config.c	what its configuration says
 *	net_api.c	who has the card, and what it is told
 *	net_rx.c	receive buffers and frames; net_rx_setup.c their memory
 *	net_tx.c	transmission; net_tx_setup.c its memory
 *	net_mq.c	several queue pairs: how many, and which one a frame takes
 *	net_control.c	the control queue; the MAC address
 *	net_recover.c	a card, or a queue of it, that broke and comes back; one pulled out
 *
 * and, each linked in only with a call of its own, and negotiated only then:
 *
 *	net_filter.c	receive modes and filters of addresses
 *	net_vlan.c	the filter of VLANs
 *	net_rss.c	which queue a flow comes in by; hashes of frames
 *	net_coalesce.c	fewer notifications
 *	net_offload.c	switching receive offloads; datagrams merged by the device
 *	net_announce.c	the host asks for an announcement */

#ifndef VIRTIO_DEVICE_NET_H
#define VIRTIO_DEVICE_NET_H

#include <errno.h>
#include <ferrule/net.h>
#include <kernel/linkset.h>
#include <kernel/lock.h>
#include <kernel/page.h>
#include <kernel/sync.h>
#include <kernel/thread.h>
#include <virtio/virtio.h>

enum net_feature {
	VIRTIO_NET_F_CSUM = 0,
	VIRTIO_NET_F_GUEST_CSUM = 1,
	VIRTIO_NET_F_CTRL_GUEST_OFFLOADS = 2,
	VIRTIO_NET_F_MTU = 3,
	VIRTIO_NET_F_MAC = 5,
	VIRTIO_NET_F_GUEST_TSO4 = 7,
	VIRTIO_NET_F_GUEST_TSO6 = 8,
	VIRTIO_NET_F_GUEST_ECN = 9,
	VIRTIO_NET_F_GUEST_UFO = 10,
	VIRTIO_NET_F_HOST_TSO4 = 11,
	VIRTIO_NET_F_HOST_TSO6 = 12,
	VIRTIO_NET_F_HOST_ECN = 13,
	VIRTIO_NET_F_HOST_UFO = 14,
	VIRTIO_NET_F_MRG_RXBUF = 15,
	VIRTIO_NET_F_STATUS = 16,
	VIRTIO_NET_F_CTRL_VQ = 17,
	VIRTIO_NET_F_CTRL_RX = 18,
	VIRTIO_NET_F_CTRL_VLAN = 19,
	VIRTIO_NET_F_CTRL_RX_EXTRA = 20,
	VIRTIO_NET_F_GUEST_ANNOUNCE = 21,
	VIRTIO_NET_F_MQ = 22,
	VIRTIO_NET_F_CTRL_MAC_ADDR = 23,
	VIRTIO_NET_F_VQ_NOTF_COAL = 52,
	VIRTIO_NET_F_NOTF_COAL = 53,
	VIRTIO_NET_F_GUEST_USO4 = 54,
	VIRTIO_NET_F_GUEST_USO6 = 55,
	VIRTIO_NET_F_HOST_USO = 56,
	VIRTIO_NET_F_HASH_REPORT = 57,
	VIRTIO_NET_F_GUEST_HDRLEN = 59,
	VIRTIO_NET_F_RSS = 60,
	VIRTIO_NET_F_RSC_EXT = 61,
	VIRTIO_NET_F_STANDBY = 62,
	VIRTIO_NET_F_SPEED_DUPLEX = 63,
};

/* Offsets in the configuration space (§5.1.4). */
enum net_config {
	NET_CONFIG_MAC = 0,
	NET_CONFIG_STATUS = 6,
	NET_CONFIG_MAX_PAIRS = 8,
	NET_CONFIG_MTU = 10,
	NET_CONFIG_SPEED = 12,
	NET_CONFIG_DUPLEX = 16,
	NET_CONFIG_RSS_KEY_MAX = 17,
	NET_CONFIG_RSS_TABLE_MAX = 18,
	NET_CONFIG_HASH_TYPES = 20,
};
#define VIRTIO_NET_S_LINK_UP  1
#define VIRTIO_NET_S_ANNOUNCE 2

/* Before each frame, in both directions (§5.1.6). Little-endian. Its length depends on
 * what was negotiated: ferrule_net.header_bytes. */
struct net_header {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t header_bytes;
	uint16_t gso_bytes;
	uint16_t checksum_start;
	uint16_t checksum_offset;
	uint16_t buffers; /* not there in the legacy header without MRG_RXBUF */
};
/* With HASH_REPORT (§5.1.6). */
struct net_header_hash {
	struct net_header plain;
	uint32_t value;
	uint16_t report;
	uint16_t padding;
};
#define NET_HEADER_BYTES	12
#define NET_HEADER_LEGACY_BYTES 10
#define NET_HEADER_HASH_BYTES	20
_Static_assert(sizeof(struct net_header) == NET_HEADER_BYTES, "§5.1.6");
_Static_assert(sizeof(struct net_header_hash) == NET_HEADER_HASH_BYTES, "§5.1.6");

enum net_header_flag {
	VIRTIO_NET_HDR_F_NEEDS_CSUM = 1,
	VIRTIO_NET_HDR_F_DATA_VALID = 2,
	VIRTIO_NET_HDR_F_RSC_INFO = 4,
};
enum net_gso {
	VIRTIO_NET_HDR_GSO_NONE = 0,
	VIRTIO_NET_HDR_GSO_TCPV4 = 1,
	VIRTIO_NET_HDR_GSO_UDP = 3,
	VIRTIO_NET_HDR_GSO_TCPV6 = 4,
	VIRTIO_NET_HDR_GSO_UDP_L4 = 5,
	VIRTIO_NET_HDR_GSO_ECN = 0x80,
};

#define ETHERNET_BYTES	14
#define VLAN_BYTES	4
#define FRAME_BYTES_MAX (65535 + ETHERNET_BYTES + VLAN_BYTES) /* merged or to be cut */
#define TX_PIECES_MAX	40 /* 64 KiB of scattered pages, and then some */
#define NET_MTU_MIN	68
#define NET_PAIRS_MAX	8 /* queue pairs; more are not used, and that is said */

struct net_rx;

/* A receive buffer: this record, then the memory the device writes, in one chunk. The
 * device knows only of the second part. */
struct net_buffer {
	struct ferrule_frame frame;
	struct net_rx *rx;	 /* where it is posted */
	uint64_t phys;		 /* of the posted part */
	struct net_buffer *next; /* in the free list */
};

struct net_tx_slot {
	void *token; /* the client's */
	bool used;
	struct net_tx_slot *next;  /* in the free list */
	struct net_header *header; /* in memory of its own; the device reads it */
	uint64_t header_phys;
};

/* A receive queue: under its lock. */
struct net_rx {
	struct spinlock lock;
	bool closed; /* the queue is dead and may be freed */
	struct virtqueue *queue;
	struct net_buffer *free;
	unsigned free_count, count, batch;
	unsigned posted, low; /* buffers the device has; no more: no batches */
	uint32_t written;     /* scratch: what the device says of one buffer */
};

/* A transmit queue: the client serialises its calls, interrupts only touch `blocked`. */
struct net_tx {
	struct virtqueue *queue;
	struct net_tx_slot *slots, *free;
	uint64_t headers_phys;
	unsigned count, in_flight;
	unsigned pieces_max; /* a frame may take */
	bool blocked;	     /* atomic: the client waits for room */
	bool unflushed;	     /* added, not yet published */
	bool lost; /* atomic: set in interrupts with NET_LOST, cleared by the client's calls */
};

/* Bits of ferrule_net.trouble. */
enum net_trouble {
	NET_FAILED = 1,	 /* broken: from broken() until restored() */
	NET_LOST = 2,	 /* some tx[].lost: the client is to get back what they had */
	NET_REMOVED = 4, /* and it does not come back */
	NET_SEVERAL = 8, /* none, but the slow way, too: it has several queues */
};

struct net_filter;

struct ferrule_net {
	struct virtio_device *device;
	struct virtqueue *control;    /* NULL: none */
	struct ferrule_net_info info; /* fixed, but for the link */
	unsigned header_bytes;
	bool separate_header; /* legacy framing: the header has a descriptor of its own */
	bool mergeable;
	uint8_t rx_gso, tx_gso; /* bits 1 << enum net_gso: kinds that may come and go */
	/* Atomic: bits of enum net_trouble. Set in interrupts; NET_LOST is cleared by the
	 * client's calls. */
	uint8_t trouble;
	bool tx_busy; /* atomic: the client is in a call that uses transmit queues */

	unsigned pairs;	    /* set up */
	unsigned max_pairs; /* of the device; decides the control queue's number */
	/* In use for transmission: what the device was told and acknowledged (§5.1.6.5.6);
	 * atomic. Reception is from all that are set up. */
	unsigned tx_pairs;
	unsigned rx_turn; /* the client's: the queue that is looked at first */

	struct spinlock link_lock; /* what the configuration says of the link */

	/* Who has the card. Under client_lock. */
	struct spinlock client_lock;
	struct ferrule_net_client client;
	bool taken;
	bool event; /* atomic: something happened since the last ferrule_net_wait() */
	struct wait_queue waiters;

	struct net_rx rx[NET_PAIRS_MAX];
	unsigned rx_order;	      /* of the blocks of pages that buffers are cut of */
	uint32_t rx_chunk;	      /* bytes of a buffer with its record */
	uint32_t rx_offset, rx_bytes; /* of the posted part in its chunk; its length */
	unsigned rx_pieces_max;	      /* buffers one frame may take */
	uint64_t rx_dropped;	      /* atomic */

	struct net_tx tx[NET_PAIRS_MAX];
	struct virtio_piece pieces[TX_PIECES_MAX]; /* under the client's serialisation, */
	struct net_header header;		   /* of the frame being sent: the same */

	/* The control queue. */
	struct mutex control_mutex; /* one command at a time */
	struct spinlock control_lock;
	uint8_t *command; /* a page; the device's while control_out */
	uint64_t command_phys;
	bool control_out;	   /* under control_lock */
	uint32_t control_written;  /* the same; 0: there is no answer */
	unsigned control_losses;   /* commands lost with their queue; atomic, the same */
	struct wait_queue answers; /* the command has come back */
	bool mac_set;		   /* the client chose the address; under control_mutex */

	/* What the optional parts were told, so that a card that was reset is told again;
	 * each its part's, NULL while there is nothing. Under control_mutex. */
	struct net_filter *filter;
	uint64_t *vlans;
	struct net_rss *rss;
	struct net_coalesce *coalesce;
	uint8_t coalescing; /* atomic; net_coalesce.c's: a thread says it again */
	uint64_t offloads;  /* receive offloads that were switched on, as feature bits */
	bool offloads_set;

	struct ferrule_net *next; /* list of cards; net.c's */
};

/* An optional part, present when it is linked in. */
struct net_part {
	uint64_t features; /* negotiated only with this part */
	/* Tells the card what the part's calls had set up; the first time, at boot, too.
	 * Thread; 0 or -errno. */
	int (*configure)(struct ferrule_net *net);
	void (*forget)(struct ferrule_net *net); /* frees what it keeps; may be NULL */
	/* Queue `index` was reset alone, and works again. Timer interrupt; may be NULL. */
	void (*queue_restored)(struct ferrule_net *net, unsigned index);
};
LINKSET_DECLARE(net_parts, const struct net_part);
#define NET_PART(object) LINKSET_ENTRY(net_parts, object)

/* Moves a header of the negotiated length, without a loop. To the device: zeroes follow a
 * plain header where it has more. */
static inline void net_header_copy(const struct ferrule_net *net, void *to,
				   const void *from)
{
	if (net->header_bytes >= NET_HEADER_BYTES)
		__builtin_memcpy(to, from, NET_HEADER_BYTES);
	else
		__builtin_memcpy(to, from, NET_HEADER_LEGACY_BYTES);
}

static inline uint8_t net_trouble(const struct ferrule_net *net)
{
	return __atomic_load_n(&net->trouble, __ATOMIC_ACQUIRE);
}

/* What a call says while there is trouble. */
static inline int net_trouble_error(const struct ferrule_net *net)
{
	return net->info.removed ? -ENODEV : -EIO;
}

/* net.c */
struct ferrule_net *net_card_at(unsigned index);
void net_unlist(struct ferrule_net *net);
int net_find_queues(struct ferrule_net *net);

/* net_config.c */
void net_read_config(struct ferrule_net *net);
bool net_read_link(struct ferrule_net *net); /* whether it went up or down */

/* net_api.c */
void net_signal(struct ferrule_net *net);
void net_link_changed(struct ferrule_net *net);

/* net_rx.c */
bool net_rx_refill(struct net_rx *rx, const struct ferrule_net *net);
void net_rx_recycle(struct net_rx *rx, struct ferrule_frame *frame);
void net_rx_start_queue(struct net_rx *rx);
void net_rx_start(struct ferrule_net *net);
void net_received(struct virtqueue *queue);
bool net_rx_arm_queue(struct net_rx *rx); /* false: frames wait already */
bool net_rx_arm(struct ferrule_net *net); /* the same of all queues */
void net_rx_disarm(struct ferrule_net *net);

/* net_rx_setup.c */
int net_rx_prepare(struct ferrule_net *net); /* buffers, not posted */
void net_rx_free(struct ferrule_net *net);   /* those that are not posted */

/* net_tx.c */
void net_transmitted(struct virtqueue *queue);

/* net_tx_setup.c */
int net_tx_prepare(struct ferrule_net *net);
void net_tx_free(struct ferrule_net *net);

/* net_mq.c */
unsigned net_pairs_wanted(void); /* by the command line */
struct net_tx *net_mq_choose(struct ferrule_net *net,
			     const struct ferrule_net_segment *first);
int net_mq_configure(struct ferrule_net *net);

/* net_control.c */
int net_control_prepare(struct ferrule_net *net);
void net_control_free(struct ferrule_net *net);
void net_control_used(struct virtqueue *queue);
void net_control_lose(struct ferrule_net *net); /* the queue was reset: interrupt */
int net_mac_configure(struct ferrule_net *net); /* the client's, if it chose one */

/* Takes the command page, if that feature is there; then fill in net_command_data() and
 * run commands; net_command_end() gives it up. Thread; 0, -ENOTSUP, -EIO, -ENODEV. */
int net_command_begin(struct ferrule_net *net, unsigned feature);
uint8_t *net_command_data(struct ferrule_net *net);
/* Sends the data, in two descriptors if second_bytes is not 0 (§5.1.6.6). A card that does
 * not answer within a second is broken and reset. -EIO: it refuses. */
int net_command_run(struct ferrule_net *net, uint8_t class, uint8_t what,
		    uint32_t first_bytes, uint32_t second_bytes);
/* A command with an answer of up to 32 bytes. */
int net_command_ask(struct ferrule_net *net, uint8_t class, uint8_t what,
		    uint32_t data_bytes, void *result, uint32_t result_bytes);
void net_command_end(struct ferrule_net *net);
/* All of that for a few bytes. */
int net_command(struct ferrule_net *net, unsigned feature, uint8_t class, uint8_t what,
		const void *data, uint32_t bytes);
#define NET_COMMAND_DATA_MAX (PAGE_BYTES - 64)

enum net_command_class {
	NET_CLASS_RX = 0,
	NET_CLASS_MAC = 1,
	NET_CLASS_VLAN = 2,
	NET_CLASS_ANNOUNCE = 3,
	NET_CLASS_MQ = 4,
	NET_CLASS_OFFLOADS = 5,
	NET_CLASS_COALESCE = 6,
};

/* net_recover.c */
void net_configure(struct ferrule_net *net); /* tells the card all it was told before */
void net_broken(struct virtio_device *device);
int net_restore(struct virtio_device *device);
void net_restored(struct virtio_device *device);
void net_removed(struct virtio_device *device);
void net_queue_broken(struct virtqueue *queue);
void net_queue_restored(struct virtqueue *queue);
bool net_quiet(struct virtio_device *device);
bool net_queue_quiet(const struct virtqueue *queue);
/* Of a card that was removed: false once the client holds none of its buffers; then, with
 * the client gone, all of it is freed. */
bool net_frames_are_held(const struct ferrule_net *net);
void net_forget(struct ferrule_net *net);

#endif
