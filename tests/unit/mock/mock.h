/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A strict virtio device in memory, for tests of drivers, rings and transports.
 *
 * It aborts the test on any rule of VIRTIO 1.3 that the driver breaks: status bits
 * dropped, features not offered, chains that loop, are too long or out of order, INDIRECT
 * that was not negotiated, kicks before DRIVER_OK, several kicks for one batch, … and it
 * counts kicks, interrupts and register accesses.
 *
 * A test of a device driver:
 *
 *	sources: tests/unit/mock/mock.c tests/unit/mock/ring.c tests/unit/mock/transport.c
 *	  tests/unit/host/{io,irq,cpu,log,heap,page,time,thread,panic}.c
 *	  virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	  virtio/ring/split.c virtio/ring/virtqueue.c kernel/format.c virtio/device/NAME.c
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
 * that broke is reset by a timer: host_clock_advance(1) lets that happen. */

#ifndef MOCK_MOCK_H
#define MOCK_MOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <virtio/virtio.h>

#define MOCK_QUEUES	  16
#define MOCK_CONFIG_BYTES 256
#define MOCK_PIECES_MAX	  1024

/* What the driver has told us about one queue, and where we are in it. */
struct mock_queue {
	bool enabled;
	uint16_t size;		    /* as the driver set it */
	uint64_t desc, avail, used; /* as the driver set them */
	uint16_t vector;	    /* 0xffff: none */
	bool legacy_layout;

	bool kicked;	    /* a doorbell rang that serve has not seen */
	uint16_t seen;	    /* avail index up to which heads were taken */
	uint16_t last_idx;  /* avail index as last read: it must not go back */
	uint16_t kick_idx;  /* avail index at the last kick: no kick without news */
	uint16_t used_idx;  /* ours */
	uint16_t told_used; /* used index at the last interrupt */
	bool out[32768];    /* heads we hold */
	uint64_t table;	    /* the last indirect table, for mock_scribble() */
	uint32_t table_bytes;

	uint64_t kicks, interrupts, popped, pushed, indirect;
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

	/* Misbehaviour. */
	bool no_features_ok;  /* takes FEATURES_OK back */
	unsigned reset_reads; /* status reads until a reset is done; UINT_MAX: never */
	bool generation_runs; /* every generation read differs */
	void (*config_race)(struct mock *mock); /* after each config read */
	bool no_notify;				/* without EVENT_IDX: used.flags = 1 */
	bool lenient; /* hostile tests: broken rules are no abort */

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
	uint16_t doorbells[MOCK_QUEUES]; /* the registers kicks go to (transport.c) */
	struct mock *next;
};

/* --- mock.c: life, features, status, configuration: the rules of §2.1, §2.2, §3.1 --- */

struct mock *mock_new(uint32_t device_id);
void mock_free(struct mock *mock);
void mock_offer(struct mock *mock, unsigned feature);
void mock_withhold(struct mock *mock, unsigned feature);
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
void mock_queue_enable(struct mock *mock, unsigned queue);
void mock_doorbell(struct mock *mock, unsigned queue);

/* Runs serve for each queue kicked since; true if any was. */
bool mock_run(struct mock *mock);
bool mock_run_all(void);

/* How interrupts reach the driver: set by transport.c or pci.c. */
extern void (*mock_raise_queue)(struct mock *mock, unsigned queue);
extern void (*mock_raise_config)(struct mock *mock);
/* A configuration change: counts the generation up and interrupts. */
void mock_config_changed(struct mock *mock);

/* --- transport.c: the mock behind a struct virtio_transport of its own --- */

int mock_add(struct mock *mock);     /* virtio_device_add() */
void mock_remove(struct mock *mock); /* orderly end: shutdown, nothing left, freed */

/* --- ring.c: the device's side of a split ring --- */

struct mock_piece {
	uint64_t address;
	uint32_t bytes;
	bool writable;
};
struct mock_chain {
	uint16_t head;
	bool indirect;
	unsigned count;		     /* pieces */
	unsigned descriptors;	     /* in the descriptor table */
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
/* Gives the buffer back with `written` bytes. */
void mock_push(struct mock *mock, unsigned queue, const struct mock_chain *chain,
	       uint32_t written);
/* The same with any id: what only a hostile device does. */
void mock_push_raw(struct mock *mock, unsigned queue, uint32_t id, uint32_t written);
/* Interrupts if the driver wants to hear of what was pushed since the last time. */
void mock_interrupt(struct mock *mock, unsigned queue);
/* Without asking what it wants. */
void mock_interrupt_always(struct mock *mock, unsigned queue);

/* Hostile: overwrites what the driver must never read back. */
void mock_scribble(struct mock *mock, unsigned queue, unsigned seed);
void mock_set_used_index(struct mock *mock, unsigned queue, uint16_t index);

#endif
