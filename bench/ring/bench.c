/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What a buffer costs in each layout of the ring, driver's side: the kernel's own ring
 * code, compiled for Linux, against a device on the same processor, and beside it a textbook
 * ring. Prints a table in Markdown.
 *
 * A round adds `batch` buffers of one piece, kicks, lets the device use them, and gets them
 * back; what the device does is not in the figures. Cycles are those of the best of many
 * rounds and have two readings of the clock for each half in them. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <kernel/page.h>
#include <virtio/virtio.h>
#include "count.h"
#include "device.h"
#include "textbook.h"

#define SIZE   256
#define TRIALS 100
/* Of exact counts: two laps of the ring. */
#define ROUNDS(batch) (2 * SIZE / (batch))

static struct virtio_piece pieces[64];
static int token;
static struct virtio_device owner;
static const unsigned batches[] = { 1, 8, 64 };
#define BATCHES 3

void virtio_queue_break(struct virtqueue *vq, const char *why)
{
	(void)vq;
	fprintf(stderr, "the device broke a rule: %s\n", why);
	abort();
}

/* No buffer is mapped here, so mapped.c is left out. */
uint64_t virtqueue_pages_alloc(unsigned order, uint64_t limit)
{
	return page_alloc_below(order, limit);
}

void virtqueue_pages_free(uint64_t phys, unsigned order)
{
	page_free(phys, order);
}

bool virtqueue_mapped_wrap(struct virtqueue *vq)
{
	(void)vq;
	return true;
}

void virtqueue_mapped_unwrap(struct virtqueue *vq)
{
	(void)vq;
}

/* The same program text for both kinds of ring. */
#define DRIVER(name, type)                                                       \
	static bool name##_submit(void *ring, unsigned batch)                    \
	{                                                                        \
		type *vq = ring;                                                 \
		for (unsigned i = 0; i < batch; i++)                             \
			if (name##_add(vq, &pieces[i], 0, 1, &token))            \
				abort();                                         \
		return name##_kick_prepare(vq);                                  \
	}                                                                        \
	static void name##_complete(void *ring, unsigned batch)                  \
	{                                                                        \
		type *vq = ring;                                                 \
		uint32_t written;                                                \
		for (unsigned i = 0; i < batch; i++)                             \
			if (name##_get(vq, &written) != &token || written != 64) \
				abort();                                         \
	}                                                                        \
	static bool name##_enable(void *ring)                                    \
	{                                                                        \
		return name##_enable_cb(ring);                                   \
	}

DRIVER(virtqueue, struct virtqueue)
DRIVER(textbook, struct textbook)

static void textbook_called_back(void *ring)
{
	textbook_disable_cb(ring);
}

static void virtqueue_called_back(void *ring)
{
	virtqueue_interrupt(ring);
}

static void callback(struct virtqueue *vq)
{
	virtqueue_disable_cb(vq);
}

struct contender {
	const char *name;
	bool (*submit)(void *ring, unsigned batch);
	void (*complete)(void *ring, unsigned batch);
	void (*called_back)(void *ring);
	bool (*enable)(void *ring);
	void *ring, *memory;
	size_t bytes;
	struct device device;
};

struct cost {
	double cycles, instructions, written, read, kicks, interrupts;
};

static struct contender new_textbook(void)
{
	size_t bytes = (textbook_bytes(SIZE) + 4095) & ~4095u;
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct textbook *vq = malloc(sizeof(*vq));

	if (memory == MAP_FAILED || !vq)
		abort();
	textbook_init(vq, SIZE, memory, calloc(SIZE, sizeof(void *)));
	return (struct contender){
		.name = "textbook split",
		.submit = textbook_submit,
		.complete = textbook_complete,
		.called_back = textbook_called_back,
		.enable = textbook_enable,
		.ring = vq,
		.memory = memory,
		.bytes = bytes,
		.device = { .size = SIZE,
			    .desc = memory,
			    .driver = (void *)(uintptr_t)vq->avail,
			    .device = (void *)(uintptr_t)vq->used },
	};
}

static struct contender new_queue(enum virtqueue_layout layout, bool polled)
{
	const struct virtqueue_geometry geometry = {
		.device = &owner,
		.name = "bench",
		.size = SIZE,
		.layout = layout,
		.callback = polled ? NULL : callback,
		.pieces_max = 1,
		.event_idx = true,
	};
	struct virtqueue *vq = virtqueue_create(&geometry);

	if (!vq)
		abort();
	virtqueue_live(vq);
	return (struct contender){
		.name = virtqueue_layout_names[layout],
		.submit = virtqueue_submit,
		.complete = virtqueue_complete,
		.called_back = virtqueue_called_back,
		.enable = virtqueue_enable,
		.ring = vq,
		.memory = phys_to_virt(vq->desc_phys),
		.bytes = PAGE_BYTES << vq->ring_order,
		.device = { .layout = layout,
			    .event_idx = true,
			    .size = SIZE,
			    .desc = phys_to_virt(vq->desc_phys),
			    .driver = phys_to_virt(vq->driver_phys),
			    .device = phys_to_virt(vq->device_phys),
			    .wrap = true },
	};
}

static inline uint64_t now(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static double best_cycles(struct contender *with, unsigned batch)
{
	unsigned rounds = 2048 / batch;
	uint64_t best = UINT64_MAX;

	for (unsigned trial = 0; trial < TRIALS; trial++) {
		uint64_t sum = 0;

		for (unsigned i = 0; i < rounds; i++) {
			uint64_t start = now(), between;

			with->submit(with->ring, batch);
			sum += now() - start;
			device_serve(&with->device);
			between = now();
			with->complete(with->ring, batch);
			sum += now() - between;
		}
		if (sum < best)
			best = sum;
	}
	return (double)best / rounds / batch;
}

static double instructions(struct contender *with, unsigned batch)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < ROUNDS(batch); i++) {
		count_instructions_begin();
		with->submit(with->ring, batch);
		sum += count_instructions_end();
		device_serve(&with->device);
		count_instructions_begin();
		with->complete(with->ring, batch);
		sum += count_instructions_end();
	}
	return (double)sum / ROUNDS(batch) / batch;
}

/* With an interrupt for each batch, after which the driver asks for the next. */
static void notifications(struct contender *with, unsigned batch, struct cost *cost)
{
	uint64_t read = 0, written = 0, kicks = 0, interrupts = 0;

	with->enable(with->ring);
	for (unsigned i = 0; i < ROUNDS(batch); i++) {
		bool interrupt;

		count_lines_begin(with->memory, with->bytes);
		kicks += with->submit(with->ring, batch);
		count_lines_end(&read, &written);
		device_serve(&with->device);
		interrupt = device_interrupts(&with->device);
		interrupts += interrupt;
		count_lines_begin(with->memory, with->bytes);
		if (interrupt)
			with->called_back(with->ring);
		with->complete(with->ring, batch);
		if (!with->enable(with->ring))
			abort();
		count_lines_end(&read, &written);
	}
	cost->read = (double)read / ROUNDS(batch) / batch;
	cost->written = (double)written / ROUNDS(batch) / batch;
	cost->kicks = (double)kicks / ROUNDS(batch) / batch;
	cost->interrupts = (double)interrupts / ROUNDS(batch) / batch;
}

static void measure(struct contender *polled, struct contender *called,
		    struct cost *costs)
{
	for (unsigned i = 0; i < BATCHES; i++) {
		costs[i].cycles = best_cycles(polled, batches[i]);
		costs[i].instructions = instructions(polled, batches[i]);
		notifications(called, batches[i], &costs[i]);
	}
}

static void print(const char *name, const struct cost *costs, const struct cost *textbook)
{
	for (unsigned i = 0; i < BATCHES; i++) {
		const struct cost *cost = &costs[i];

		printf("| %s | %u | %.1f | %.2f | %.1f | %.2f | %.2f | %.3g | %.3g |\n",
		       i ? "" : name, batches[i], cost->cycles,
		       cost->cycles / textbook[i].cycles, cost->instructions,
		       cost->written, cost->read, cost->kicks, cost->interrupts);
	}
}

int main(void)
{
	static const enum virtqueue_layout layouts[] = { VIRTQUEUE_SPLIT,
							 VIRTQUEUE_SPLIT_IN_ORDER,
							 VIRTQUEUE_PACKED,
							 VIRTQUEUE_PACKED_IN_ORDER };
	struct cost costs[5][BATCHES];
	struct contender contenders[5][2];

	count_init();
	for (unsigned i = 0; i < 64; i++)
		pieces[i] = (struct virtio_piece){ 4096u * (i + 1), 64 };
	for (unsigned i = 0; i < 5; i++) {
		for (unsigned k = 0; k < 2; k++)
			contenders[i][k] = i ? new_queue(layouts[i - 1], !k)
					     : new_textbook();
		measure(&contenders[i][0], &contenders[i][1], costs[i]);
	}
	printf("| ring | batch | cycles | of the textbook's | instructions | lines written | lines read | kicks | interrupts |\n"
	       "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
	for (unsigned i = 0; i < 5; i++)
		print(contenders[i][0].name, costs[i], costs[0]);
	return 0;
}
