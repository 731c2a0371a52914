/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A mock that lies. Every chance to do so is one of a row; the stream says how many of
 * them are let pass before the next is used. */

#include <stdlib.h>
#include <string.h>
#include "mock/chaos.h"

void mock_chaos_bytes(struct mock_chaos *chaos, const uint8_t *data, size_t bytes)
{
	*chaos = (struct mock_chaos){ .data = data, .bytes = bytes };
}

void mock_chaos_seed(struct mock_chaos *chaos, uint64_t seed)
{
	*chaos = (struct mock_chaos){ .seed = seed * 2 + 1 };
}

void mock_chaos_end(struct mock_chaos *chaos)
{
	while (chaos->late_count)
		free(chaos->late[--chaos->late_count].chain);
}

bool mock_chaos_over(const struct mock_chaos *chaos)
{
	return !chaos->seed && chaos->at >= chaos->bytes;
}

uint8_t mock_chaos_byte(struct mock_chaos *chaos)
{
	if (!chaos->seed)
		return chaos->at < chaos->bytes ? chaos->data[chaos->at++] : 0;
	chaos->seed = chaos->seed * UINT64_C(6364136223846793005) +
		      UINT64_C(1442695040888963407);
	return (uint8_t)(chaos->seed >> 56);
}

uint32_t mock_chaos_word(struct mock_chaos *chaos)
{
	uint32_t word = 0;

	for (unsigned i = 0; i < 4; i++)
		word = word << 8 | mock_chaos_byte(chaos);
	return word;
}

uint32_t mock_chaos_below(struct mock_chaos *chaos, uint32_t limit)
{
	uint32_t value = limit <= 256 ? mock_chaos_byte(chaos) : mock_chaos_word(chaos);

	return limit ? value % limit : 0;
}

/* One more chance: is it used? */
static bool tempted(struct mock_chaos *chaos)
{
	if (!chaos->gap_known) {
		if (mock_chaos_over(chaos))
			return false;
		chaos->gap = mock_chaos_byte(chaos);
		chaos->gap_known = true;
	}
	if (chaos->gap) {
		chaos->gap--;
		return false;
	}
	chaos->gap_known = false;
	chaos->lies++;
	return true;
}

/* Another value. */
static uint32_t twist(struct mock_chaos *chaos, uint32_t value, unsigned bits)
{
	switch (mock_chaos_byte(chaos) % 6) {
	case 0:
		return UINT32_MAX;
	case 1:
		return 0;
	case 2:
		return value ^ 1u << mock_chaos_below(chaos, bits);
	case 3:
		return value + 1;
	case 4:
		return value - 1;
	default:
		return mock_chaos_word(chaos);
	}
}

uint32_t mock_chaos_register(struct mock *mock, uint32_t value, unsigned width)
{
	if (!mock->chaos || !tempted(mock->chaos))
		return value;
	return twist(mock->chaos, value, 8 * width) & (UINT32_MAX >> 8 * (4 - width));
}

static uint64_t epoch(const struct mock *mock, unsigned index)
{
	return mock->chaos->epochs[index] + mock->counts.resets +
	       mock->queues[index].resets;
}

/* Takes all there is, so that what the rings say does not matter to us any more. */
static void drain(struct mock *mock, unsigned index)
{
	struct mock_chaos *chaos = mock->chaos;
	static struct mock_chain chain;

	for (unsigned limit = 256; limit && mock_pop(mock, index, &chain); limit--) {
		size_t bytes = offsetof(struct mock_chain, pieces) +
			       chain.count * sizeof(chain.pieces[0]);
		struct mock_late *late = &chaos->late[chaos->late_count];

		if (chaos->late_count == MOCK_LATE_MAX)
			continue; /* never to be answered */
		*late = (struct mock_late){ index, epoch(mock, index), malloc(bytes) };
		memcpy(late->chain, &chain, bytes);
		chaos->late_count++;
	}
}

/* The driver may believe any buffer to be its own again. */
static void lose_all(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index];

	drain(mock, index);
	mock->chaos->epochs[index]++;
	memset(queue->out, 0, queue->size * sizeof(*queue->out));
	queue->order_count = 0;
}

void mock_chaos_used(struct mock *mock, struct mock_queue *queue, uint32_t *id,
		     uint32_t *written)
{
	struct mock_chaos *chaos = mock->chaos;

	if (!tempted(chaos))
		return;
	if (mock_chaos_byte(chaos) & 1) {
		lose_all(mock, (unsigned)(queue - mock->queues));
		*id = mock_chaos_byte(chaos) & 1 ? mock_chaos_below(chaos, queue->size)
						 : twist(chaos, *id, 16);
	} else {
		*written = twist(chaos, *written, 32);
	}
}

void mock_chaos_undo(struct mock *mock)
{
	struct mock_chaos *chaos = mock->chaos;

	mock_queues_agree(mock);
	while (chaos->memory_count) {
		struct mock_lie *lie = &chaos->memory[--chaos->memory_count];
		char *at = (char *)(uintptr_t)lie->at;

		/* The driver writes halves; what it wrote anew stays. */
		for (unsigned half = 0; half < 16; half += 8)
			if (memcmp(at + half, lie->lie + half, 8) == 0)
				memcpy(at + half, lie->before + half, 8);
	}
}

/* Other bytes in a descriptor, until we look there ourselves. In a packed ring it never
 * looks available: the driver does not care, and we would believe it. */
static void lie_descriptor(struct mock *mock, uint64_t at, bool packed)
{
	struct mock_chaos *chaos = mock->chaos;
	struct mock_lie *lie;
	unsigned first = mock_chaos_byte(chaos) % 16;
	unsigned count = 1 + mock_chaos_byte(chaos) % 16;

	if (chaos->memory_count == sizeof(chaos->memory) / sizeof(*chaos->memory))
		return;
	lie = &chaos->memory[chaos->memory_count++];
	lie->at = at;
	memcpy(lie->before, (void *)(uintptr_t)at, 16);
	memcpy(lie->lie, lie->before, 16);
	for (unsigned i = first; i < 16 && count; i++, count--)
		lie->lie[i] = mock_chaos_byte(chaos);
	if (packed)
		lie->lie[15] = (uint8_t)((lie->lie[15] & 0x7f) | (lie->lie[14] & 0x80));
	memcpy((void *)(uintptr_t)at, lie->lie, 16);
}

/* Some bytes of what the device writes, or a descriptor. */
static void overwrite(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index];
	struct mock_chaos *chaos = mock->chaos;
	uint32_t bytes = queue->packed ? 4u : 6u + 8u * queue->size;
	uint32_t at = mock_chaos_below(chaos, bytes);
	unsigned count = 1 + mock_chaos_byte(chaos) % 16;

	lose_all(mock, index);
	switch (mock_chaos_byte(chaos) % 3) {
	case 0:
		for (; count && at < bytes; count--, at++)
			((volatile uint8_t *)(uintptr_t)queue->used)[at] =
				mock_chaos_byte(chaos);
		break;
	case 1:
		if (queue->table) {
			lie_descriptor(mock,
				       queue->table + at % (queue->table_bytes / 16) * 16,
				       false);
			break;
		} /* fallthrough */
	default:
		lie_descriptor(mock, queue->desc + 16ull * (at % queue->size),
			       queue->packed);
	}
}

/* A used index, or the flags of the next packed slots, with nothing behind them. */
static void pretend_used(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index];
	struct mock_chaos *chaos = mock->chaos;
	uint16_t amount = (uint16_t)(mock_chaos_byte(chaos) & 1 ? mock_chaos_byte(chaos)
								: mock_chaos_word(chaos));

	lose_all(mock, index);
	if (!queue->packed) {
		mock_set_used_index(mock, index, (uint16_t)(queue->used_idx + amount));
		return;
	}
	for (unsigned i = 0; i < amount && i < queue->size; i++) {
		volatile uint16_t *flags = (volatile uint16_t *)(uintptr_t)(queue->desc +
									    14) +
					   8 * ((queue->give.slot + i) % queue->size);

		*flags = queue->give.wrap ? 0x8082 : 2;
	}
}

static void answer(struct mock *mock, unsigned index, const struct mock_chain *chain)
{
	struct mock_chaos *chaos = mock->chaos;
	uint8_t bytes[128];
	unsigned count = mock_chaos_byte(chaos) & 127;
	uint32_t written = chain->writable;

	for (unsigned i = 0; i < count; i++)
		bytes[i] = mock_chaos_byte(chaos);
	mock_write(chain, 0, bytes, count);
	/* What is last is a status in many protocols. */
	if (chain->writable && mock_chaos_byte(chaos) & 1)
		mock_write(chain, chain->writable - 1, bytes, count ? 1 : 0);
	if (mock_chaos_byte(chaos) & 1 && count < written)
		written = count;
	mock_push(mock, index, chain, written);
}

static void answer_late(struct mock *mock)
{
	struct mock_chaos *chaos = mock->chaos;
	unsigned which;
	struct mock_late late;

	if (!chaos->late_count)
		return;
	which = mock_chaos_below(chaos, chaos->late_count);
	late = chaos->late[which];
	chaos->late[which] = chaos->late[--chaos->late_count];
	if (late.epoch == epoch(mock, late.queue)) {
		answer(mock, late.queue, late.chain);
		mock_interrupt(mock, late.queue);
	}
	free(late.chain);
}

static void change_config(struct mock *mock)
{
	struct mock_chaos *chaos = mock->chaos;

	if (mock->config_bytes)
		mock->config[mock_chaos_below(chaos, mock->config_bytes)] =
			mock_chaos_byte(chaos);
	mock_config_changed(mock);
}

void mock_chaos_strike(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index];
	struct mock_chaos *chaos = mock->chaos;

	if (!mock_queue_usable(mock, index) || !tempted(chaos))
		return;
	switch (mock_chaos_byte(chaos) % 8) {
	case 0:
		pretend_used(mock, index);
		break;
	case 1:
		lose_all(mock, index);
		mock_push_raw(mock, index, mock_chaos_below(chaos, queue->size),
			      mock_chaos_word(chaos));
		break;
	case 2:
		mock_interrupt_always(mock, index);
		break;
	case 3:
		change_config(mock);
		break;
	case 4:
		mock_needs_reset(mock);
		break;
	case 5:
		answer_late(mock);
		break;
	default:
		overwrite(mock, index);
	}
}

void mock_chaos_serve(struct mock *mock, unsigned index)
{
	struct mock_chaos *chaos = mock->chaos;

	drain(mock, index);
	/* At the end of the stream it slows down: a driver that gives buffers anew would
	 * be all that goes on. */
	for (unsigned left = mock_chaos_over(chaos) ? 4 : chaos->late_count; left; left--)
		if (mock_chaos_byte(chaos) % 8 != 7)
			answer_late(mock);
}
