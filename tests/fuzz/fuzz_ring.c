/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: device */

/* The rings alone: buffers of every shape, and a device that lies (requirements VQ, PQ).
 * Whatever it does, a buffer comes back once or not at all. */

#include <errno.h>
#include <virtio/ring/ring.h>
#include "fuzz.h"

#define ID     98
#define TOKENS 256

static struct virtqueue *queue;
static uint8_t memory[64];
static struct {
	bool out;
	uint32_t writable;
} tokens[TOKENS];
static bool was_used;

static void came_back(void *token, uint32_t written)
{
	size_t which = (size_t)((char *)token - (char *)tokens) / sizeof(*tokens);

	FUZZ_ASSERT(which < TOKENS && tokens[which].out);
	FUZZ_ASSERT(written <= tokens[which].writable);
	tokens[which].out = false;
}

static void take_all(struct virtqueue *vq)
{
	uint32_t written;
	void *token;

	for (unsigned i = 0; (token = virtqueue_get(vq, &written)); i++) {
		FUZZ_ASSERT(i < TOKENS);
		came_back(token, written);
	}
}

static void drain(struct virtqueue *vq)
{
	struct virtqueue_used used[5];
	unsigned count = virtqueue_drain(vq, used, 5);

	FUZZ_ASSERT(count <= 5);
	for (unsigned i = 0; i < count; i++)
		came_back(used[i].token, used[i].written);
}

static void callback(struct virtqueue *vq)
{
	if (was_used) {
		virtqueue_disable_cb(vq);
		return;
	}
	for (unsigned i = 0; i < 4; i++) {
		take_all(vq);
		if (virtqueue_enable_cb(vq))
			return;
	}
}

static int probe(struct virtio_device *device)
{
	struct virtqueue_wanted wanted = { .name = "fuzz", .callback = callback };

	return virtio_find_queues(device, &wanted, 1, &queue);
}

static void broken(struct virtio_device *device)
{
	void *token;

	(void)device;
	while (queue && (token = virtqueue_detach(queue))) {
		size_t which = (size_t)((char *)token - (char *)tokens) / sizeof(*tokens);

		FUZZ_ASSERT(which < TOKENS && tokens[which].out);
		tokens[which].out = false;
	}
	for (unsigned i = 0; queue && i < TOKENS; i++)
		FUZZ_ASSERT(!tokens[i].out);
}

static const struct virtio_driver driver = {
	.name = "fuzz",
	.device_id = ID,
	.probe = probe,
	.broken = broken,
};
VIRTIO_DRIVER(driver);

static void setup(struct mock *mock, struct mock_chaos *chaos)
{
	unsigned size = mock_chaos_byte(chaos);

	mock->queue_max[0] = (uint16_t)(size & 0x80 ? 1u << size % 8 : size);
}

static void add(struct mock_chaos *chaos)
{
	unsigned which = mock_chaos_byte(chaos), shape = mock_chaos_byte(chaos);
	unsigned readable = shape & 15, writable = shape >> 4;
	struct virtio_piece pieces[30];

	if (tokens[which].out || readable + writable == 0)
		return;
	for (unsigned i = 0; i < readable + writable; i++)
		pieces[i] = (struct virtio_piece){ (uintptr_t)memory, 1 + i };
	tokens[which].writable = 0;
	for (unsigned i = readable; i < readable + writable; i++)
		tokens[which].writable += pieces[i].bytes;
	if (virtqueue_add(queue, pieces, readable, writable, &tokens[which]) == 0)
		tokens[which].out = true;
}

static void fill(struct mock_chaos *chaos)
{
	unsigned first = mock_chaos_byte(chaos), count = 0, added;
	struct virtqueue_buffer buffers[8];

	for (unsigned i = first; count < 8 && i < TOKENS && !tokens[i].out; i++) {
		tokens[i].writable = count * 8; /* the first is empty: refused */
		buffers[count++] = (struct virtqueue_buffer){
			{ (uintptr_t)memory, tokens[i].writable }, &tokens[i]
		};
	}
	if (count < 2)
		return;
	added = virtqueue_fill(queue, buffers + first % 2, count - first % 2);
	FUZZ_ASSERT(added <= count && (first % 2 || !added));
	for (unsigned i = 0; i < added; i++)
		tokens[first + 1 + i].out = true;
}

static void step(struct mock *mock, struct mock_chaos *chaos)
{
	if (!queue || !mock->device.queues)
		return;
	switch (mock_chaos_byte(chaos) % 10) {
	case 8:
		drain(queue);
		break;
	case 9:
		fill(chaos);
		break;
	case 0:
		virtqueue_kick(queue);
		break;
	case 1:
		take_all(queue);
		break;
	case 2:
		virtqueue_enable_cb(queue);
		break;
	case 3:
		virtqueue_enable_cb_delayed(queue);
		break;
	case 4:
		virtqueue_disable_cb(queue);
		was_used = !was_used;
		break;
	default:
		add(chaos);
	}
}

const struct fuzz_device fuzz_device = {
	.id = ID,
	.setup = setup,
	.step = step,
};
