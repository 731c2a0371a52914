/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A strict virtio device in memory, for tests of drivers, rings and transports.
 *
 * It aborts the test on any rule of VIRTIO 1.3 that the driver breaks: status bits
 * dropped, features not offered, chains that loop, are too long or out of order, INDIRECT
 * that was not negotiated, kicks before DRIVER_OK, several kicks for one batch, … and it
 * counts kicks, interrupts, register accesses and its accesses to the rings. It is written
 * from the specification alone, apart from the drivers, so that two readings of it meet.
 *
 * A test of a device driver:
 *
 *	sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	  tests/unit/host/{io,irq,cpu,log,heap,page,time,thread,panic}.c
 *	  virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	  virtio/ring/virtqueue.c kernel/format.c virtio/device/NAME.c
 *
 *	static void serve(struct mock *mock, unsigned queue)	// plays the device
 *	{
 *		struct mock_chain chain;
 *
 *		while (mock_pop(mock, queue, &chain)) {
 *			mock_read(&chain, 0, header, sizeof(header));
 *			mock_write(&chain, 0, answer, sizeof(answer));
 *			mock_push(mock, queue, &chain, sizeof(answer));
 *		}
 *		mock_interrupt(mock, queue);
 *	}
 *
 *	struct mock *mock = mock_new(VIRTIO_ID_BLOCK);
 *	mock_offer(mock, VIRTIO_BLK_F_FLUSH);		// ring bits are offered by default
 *	mock->queue_max[0] = 128;
 *	mock->serve = serve;
 *	memcpy(mock->config, …); mock->config_bytes = …;
 *	assert_int_equal(mock_add(mock), 0);		// virtio_device_add()
 *	…
 *	mock_remove(mock);				// checks and frees
 *
 * `serve` runs when mock_run() is called for each queue that was kicked; mock_new() makes
 * mock_run_all() the host_world, so a driver that sleeps makes the devices work. A device
 * that broke is reset by a timer: host_clock_advance(1) lets that happen.
 *
 * mock_pop, mock_push and mock_interrupt work in whichever ring layout was negotiated.
 * `make unit` runs such a test once for each: FERRULE_TEST_RING tells mock_new() what to
 * offer. With IN_ORDER a buffer that is pushed before an older one waits for that one.
 *
 * thread.h: the device in a thread of its own. watch.h: what the driver's side touches.
 * chaos.h: a device that lies. */

#ifndef MOCK_MOCK_H
#define MOCK_MOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <virtio/virtio.h>

#define MOCK_QUEUES	  16
#define MOCK_CONFIG_BYTES 256
#define MOCK_PIECES_MAX	  1024

/* A buffer that we hold, by its head or buffer id. */
struct mock_held {
	uint32_t writable, written;
	uint16_t slots; /* of the packed ring that it takes */
	bool done;	/* pushed, but an older one is not (IN_ORDER) */
};

/* A place in a packed ring (§2.8.1). */
struct mock_place {
	uint16_t slot;
	bool wrap;
};

/* What the driver has told us about one queue, and where we are in it. */
struct mock_queue {
	bool enabled;
	bool packed, in_order; /* as negotiated when it was enabled */
	uint16_t size;	       /* as the driver set it */
	/* As the driver set them. Packed: the ring, the driver's and the device's event
	 * suppression structure. */
	uint64_t desc, avail, used;
	uint16_t vector;	/* 0xffff: none */
	uint64_t driver_resets; /* of the device, as the driver counts them */
	bool legacy_layout;

	bool kicked;	    /* a doorbell rang that serve has not seen */
	uint64_t used_ns;   /* when a buffer was last used, or the queue enabled */
	unsigned resetting; /* reads until queue_reset is done; UINT_MAX: never */
	bool was_reset;	    /* RING_RESET: it may be enabled again */

	/* Split. */
	uint16_t seen;	    /* avail index up to which heads were taken */
	uint16_t last_idx;  /* avail index as last read: it must not go back */
	uint16_t kick_idx;  /* avail index at the last kick: no kick without news */
	uint16_t used_idx;  /* ours */
	uint16_t next_slot; /* IN_ORDER: where the next descriptor must lie (§2.7.9) */

	/* Packed. */
	struct mock_place take, give; /* next to be taken, next to be marked used */
	struct mock_place scan;	      /* up to here slots are available */
	uint64_t scan_total;	      /* as slots since it was enabled */
	unsigned lists;		      /* complete ones from take to scan */
	bool news;		      /* scan moved since the last kick */
	struct mock_slot *slots;      /* what the driver may not change */

	/* Both; used and told count buffers, or slots of a packed ring. */
	uint64_t used_total, told_total;
	bool *out;		/* by head or id: we hold it */
	struct mock_held *held; /* by head or id */
	uint16_t *order;	/* heads or ids as taken: a queue of them */
	unsigned order_first, order_count;
	uint64_t table; /* the last indirect table, for mock_scribble() */
	uint32_t table_bytes;

	uint64_t kicks, interrupts, popped, pushed, indirect, resets;
	uint64_t used_written; /* used entries: fewer than pushed with `batch` */
	/* Our accesses to the ring, and how many touched another line than the last. */
	uint64_t reads, writes, lines_read, lines_written;
	uint64_t read_line, write_line;
};

struct mock_counts {
	uint64_t status_reads, status_writes, config_reads, config_writes, features_reads,
		features_writes, register_reads, register_writes, kicks, interrupts,
		resets;
};

struct mock {
	struct virtio_device device; /* the transport vtable's device (transport.c) */
	uint32_t id;
	bool legacy;

	/* Set before mock_add(). */
	struct virtio_features offered;
	uint16_t queue_max[MOCK_QUEUES]; /* 0: no such queue */
	uint8_t config[MOCK_CONFIG_BYTES];
	unsigned config_bytes;
	bool config_writable[MOCK_CONFIG_BYTES];
	unsigned vectors; /* MSI-X vectors there are; 0: line */
	/* The device's work on one queue. NULL: buffers just lie there. */
	void (*serve)(struct mock *mock, unsigned queue);
	/* Called at the doorbell itself, before it returns; NULL: only noted. */
	void (*kicked)(struct mock *mock, unsigned queue);
	void *context;	 /* the test's */
	void *transport; /* pci.c's */
	/* §2.10: regions by id; 0 bytes: there is none. */
	struct virtio_shared_memory shared[4];
	/* What a queue is called in a doorbell with NOTIF_CONFIG_DATA. */
	uint16_t notify_data[MOCK_QUEUES];
	/* IN_ORDER: one used entry for as many buffers as may be (§2.7.9, §2.8.8), written
	 * before an interrupt and when serve is through. */
	bool batch;

	/* Misbehaviour. */
	bool no_features_ok;  /* takes FEATURES_OK back */
	unsigned reset_reads; /* status reads until a reset is done; UINT_MAX: never */
	bool generation_runs; /* every generation read differs */
	void (*config_race)(struct mock *mock); /* after each config read */
	bool no_notify;				/* without EVENT_IDX: used.flags = 1 */
	bool lenient; /* hostile tests: broken rules are no abort */
	/* Also lenient: registers may not be where the driver writes them, so that it says
	 * what it does not mean, and we do not hear it reset or free a queue (pci.c). */
	bool registers_lie;
	unsigned queue_reset_reads; /* as reset_reads, of a queue's reset */
	bool no_write_flag;	    /* used packed descriptors lack WRITE */
	struct mock_chaos *chaos;   /* chaos.h; NULL: an honest device */
	struct mock_thread *thread; /* thread.h; NULL: it works when mock_run() says so */

	/* State. */
	uint8_t status;
	struct virtio_features accepted;
	bool accepted_written;
	unsigned reset_pending;
	uint32_t generation;
	uint8_t isr;
	struct mock_queue queues[MOCK_QUEUES];
	struct mock_counts counts;
	uint8_t status_trace[64]; /* each value written, 0 too */
	unsigned status_trace_count;
	uint32_t doorbells[MOCK_QUEUES]; /* the registers kicks go to (transport.c) */
	struct mock *next;
};

/* --- mock.c: life, features, status, configuration: the rules of §2.1, §2.2, §3.1 --- */

struct mock *mock_new(uint32_t device_id);
void mock_free(struct mock *mock);
void mock_offer(struct mock *mock, unsigned feature);
void mock_withhold(struct mock *mock, unsigned feature);
/* Offers what makes the driver use that layout, and no other. */
enum mock_layout {
	MOCK_SPLIT,
	MOCK_SPLIT_IN_ORDER,
	MOCK_PACKED,
	MOCK_PACKED_IN_ORDER,
	MOCK_LAYOUTS
};
extern const char *const mock_layout_names[MOCK_LAYOUTS];
void mock_layout(struct mock *mock, enum mock_layout layout);
static inline bool mock_has(const struct mock *mock, unsigned feature)
{
	return virtio_features_has(&mock->accepted, feature);
}

/* Says what rule was broken and aborts, unless the mock is lenient. */
void mock_violation(const struct mock *mock, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The registers' meaning, shared by transport.c and pci.c. */
uint8_t mock_status_read(struct mock *mock);
void mock_status_write(struct mock *mock, uint8_t status);
void mock_features_write(struct mock *mock, const struct virtio_features *accepted);
uint32_t mock_config_read(struct mock *mock, unsigned offset, unsigned width);
void mock_config_write(struct mock *mock, unsigned offset, unsigned width,
		       uint32_t value);
/* How interrupts reach the driver: set by transport.c or pci.c. */
extern void (*mock_raise_queue)(struct mock *mock, unsigned queue);
extern void (*mock_raise_config)(struct mock *mock);
/* A configuration change: counts the generation up and interrupts. */
void mock_config_changed(struct mock *mock);
/* DEVICE_NEEDS_RESET (§2.1.2), with its interrupt. */
void mock_needs_reset(struct mock *mock);

/* --- queue.c: a queue's life: enabled, kicked, reset --- */

void mock_queue_enable(struct mock *mock, unsigned queue);
/* §2.6.1: begins; then each call says whether it still goes on. */
void mock_queue_reset(struct mock *mock, unsigned queue);
bool mock_queue_resetting(struct mock *mock, unsigned queue);
/* registers_lie: if the driver's own queues are not what we believe they are, all are
 * forgotten, before their memory is touched; usable: and this one is enabled. */
void mock_queues_agree(struct mock *mock);
bool mock_queue_usable(struct mock *mock, unsigned queue);
/* Forgets all but the counters. */
void mock_queue_forget(struct mock *mock, unsigned queue);
/* A doorbell rang, with that value written to it. The first knows which queue the register
 * belongs to; the other, whose register all queues share, finds that out; -1: no queue. */
void mock_doorbell(struct mock *mock, unsigned queue, unsigned width, uint32_t value);
int mock_doorbell_queue(struct mock *mock, uint32_t value);

/* Runs serve for each queue kicked since; true if any was. */
bool mock_run(struct mock *mock);
bool mock_run_all(void);
/* Every mock there is. */
extern struct mock *mocks;

/* --- transport.c: the mock behind a struct virtio_transport of its own --- */

int mock_add(struct mock *mock); /* virtio_device_add() */
/* Surprise removal, to its end: the driver forgets the device. mock_remove() follows. */
void mock_unplug(struct mock *mock);
void mock_remove(struct mock *mock); /* orderly end: shutdown, nothing left, freed */

/* --- ring.c: the device's side of a ring --- */

struct mock_piece {
	uint64_t address;
	uint32_t bytes;
	bool writable;
};
struct mock_chain {
	uint16_t head;
	bool indirect;
	unsigned count;		     /* pieces */
	unsigned descriptors;	     /* in the descriptor table or packed ring */
	uint32_t readable, writable; /* bytes */
	struct mock_piece pieces[MOCK_PIECES_MAX];
};

/* The next available buffer, checked; false when there is none. */
bool mock_pop(struct mock *mock, unsigned queue, struct mock_chain *chain);
/* How many buffers are available and not popped. */
unsigned mock_available(struct mock *mock, unsigned queue);
/* Copy from the readable or into the writable part, from an offset in that part on;
 * return the bytes that were there. */
uint32_t mock_read(const struct mock_chain *chain, uint32_t offset, void *out,
		   uint32_t bytes);
uint32_t mock_write(const struct mock_chain *chain, uint32_t offset, const void *in,
		    uint32_t bytes);
/* Gives the buffer back with `written` bytes. In order: as soon as the older ones are
 * pushed too; with `batch`: at the next mock_flush() or mock_interrupt(). */
void mock_push(struct mock *mock, unsigned queue, const struct mock_chain *chain,
	       uint32_t written);
/* The same with any id: what only a hostile device does. */
void mock_push_raw(struct mock *mock, unsigned queue, uint32_t id, uint32_t written);
void mock_flush(struct mock *mock, unsigned queue);
/* Interrupts if the driver wants to hear of what was pushed since the last time. */
void mock_interrupt(struct mock *mock, unsigned queue);
/* Without asking what it wants. */
void mock_interrupt_always(struct mock *mock, unsigned queue);

/* Hostile: overwrites what the driver must never read back. */
void mock_scribble(struct mock *mock, unsigned queue, unsigned seed);
void mock_set_used_index(struct mock *mock, unsigned queue, uint16_t index); /* split */

#endif
