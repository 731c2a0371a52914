/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A mock that lies. Every chance to do so is one of a row; the stream says how many of
 * them are let pass before the next is used. */

#include <stdlib.h>
#include <string.h>
#include "mock/chaos.h"

#define LATE_MAX 8

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
	free(chaos->late);
	chaos->late = NULL;
	chaos->late_count = 0;
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

void mock_chaos_used(struct mock *mock, struct mock_queue *queue, uint32_t *id,
		     uint32_t *written)
{
	struct mock_chaos *chaos = mock->chaos;

	if (!tempted(chaos))
		return;
	if (mock_chaos_byte(chaos) & 1)
		*id = mock_chaos_byte(chaos) & 1 ? mock_chaos_below(chaos, queue->size)
						 : twist(chaos, *id, 16);
	else
		*written = twist(chaos, *written, 32);
}

/* Some bytes of one of the ring's parts. */
static void overwrite(struct mock_chaos *chaos, const struct mock_queue *queue)
{
	uint32_t sizes[3] = { 16u * queue->size,
			      queue->packed ? 4u : 6u + 2u * queue->size,
			      queue->packed ? 4u : 6u + 8u * queue->size };
	uint64_t parts[3] = { queue->desc, queue->avail, queue->used };
	unsigned part = mock_chaos_byte(chaos) % 3;
	uint32_t at = mock_chaos_below(chaos, sizes[part]);
	unsigned count = 1 + mock_chaos_byte(chaos) % 16;

	for (; count && at < sizes[part]; count--, at++)
		((volatile uint8_t *)(uintptr_t)parts[part])[at] = mock_chaos_byte(chaos);
}

/* A used index, or the flags of the next packed slots, with nothing behind them. */
static void pretend_used(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index];
	struct mock_chaos *chaos = mock->chaos;
	uint16_t amount = (uint16_t)(mock_chaos_byte(chaos) & 1 ? mock_chaos_byte(chaos)
								: mock_chaos_word(chaos));

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
	if (mock->queues[index].enabled && mock->queues[index].out[chain->head])
		mock_push(mock, index, chain, written);
}

static void answer_late(struct mock *mock)
{
	struct mock_chaos *chaos = mock->chaos;
	unsigned which;
	struct mock_late *late;

	if (!chaos->late_count)
		return;
	which = mock_chaos_below(chaos, chaos->late_count);
	late = &chaos->late[which];
	/* A reset may have taken it from us, then it is a lie like others. */
	answer(mock, late->queue, &late->chain);
	mock_interrupt(mock, late->queue);
	*late = chaos->late[--chaos->late_count];
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

	if (!queue->enabled || !tempted(chaos))
		return;
	switch (mock_chaos_byte(chaos) % 9) {
	case 0:
		mock_scribble(mock, index, mock_chaos_byte(chaos));
		break;
	case 1:
		pretend_used(mock, index);
		break;
	case 2:
		mock_push_raw(mock, index, mock_chaos_below(chaos, queue->size),
			      mock_chaos_word(chaos));
		break;
	case 3:
		mock_interrupt_always(mock, index);
		break;
	case 4:
		change_config(mock);
		break;
	case 5:
		mock_needs_reset(mock);
		break;
	case 6:
		answer_late(mock);
		break;
	default:
		overwrite(chaos, queue);
	}
}

void mock_chaos_serve(struct mock *mock, unsigned index)
{
	struct mock_chaos *chaos = mock->chaos;
	struct mock_chain chain;

	if (!chaos->late)
		chaos->late = calloc(LATE_MAX, sizeof(*chaos->late));
	for (unsigned limit = 64; limit && mock_pop(mock, index, &chain); limit--) {
		unsigned how = mock_chaos_byte(chaos);

		if (how % 8 == 7 && chaos->late_count < LATE_MAX) {
			struct mock_late *late = &chaos->late[chaos->late_count++];

			late->queue = index;
			late->chain = chain;
		} else {
			answer(mock, index, &chain);
		}
		if (how % 8 == 6)
			answer_late(mock);
	}
	mock_interrupt(mock, index);
}
