/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A mock that lies: what it shows of its registers and writes into its rings is changed
 * now and then, as a stream of bytes says, a fuzzer's or one made from a seed.
 *
 *	struct mock_chaos chaos;
 *
 *	mock_chaos_bytes(&chaos, data, size);	// or mock_chaos_seed(&chaos, 42)
 *	mock->chaos = &chaos;			// before mock_add()
 *	mock->lenient = true;
 *
 *	…
 *	mock_chaos_end(&chaos);			// after mock_remove()
 *
 * A stream of bytes that is used up gives zeroes, and no lie any more. */

#ifndef MOCK_CHAOS_H
#define MOCK_CHAOS_H

#include "mock/mock.h"

#define MOCK_LATE_MAX 32

struct mock_chaos {
	const uint8_t *data; /* NULL: from the seed */
	size_t bytes, at;
	uint64_t seed;
	unsigned gap; /* chances to lie that are left out before the next */
	bool gap_known;
	unsigned lies; /* told so far */
	/* Buffers that are answered late, in any order, or never. */
	struct mock_late {
		unsigned queue;
		uint64_t epoch;
		struct mock_chain *chain; /* with as many pieces as it has */
	} late[MOCK_LATE_MAX];
	unsigned late_count;
	/* Counts what makes the driver take buffers back that we did not give: from then
	 * on we do not touch them, as that memory may be used for anything. */
	uint64_t epochs[MOCK_QUEUES];
	/* Lies in descriptors, taken back before we look there ourselves. */
	struct mock_lie {
		uint64_t at;
		uint8_t before[16], lie[16];
	} memory[8];
	unsigned memory_count;
};

void mock_chaos_bytes(struct mock_chaos *chaos, const uint8_t *data, size_t bytes);
void mock_chaos_seed(struct mock_chaos *chaos, uint64_t seed);
void mock_chaos_end(struct mock_chaos *chaos);
/* A device of any type, for `serve`: what it answers is the stream's, and how long it says
 * that is, and when. */
void mock_chaos_serve(struct mock *mock, unsigned queue);

/* The stream. */
bool mock_chaos_over(const struct mock_chaos *chaos);
uint8_t mock_chaos_byte(struct mock_chaos *chaos);
uint32_t mock_chaos_word(struct mock_chaos *chaos);
uint32_t mock_chaos_below(struct mock_chaos *chaos, uint32_t limit);

/* From the mock. A register's value, before the driver sees it. */
uint32_t mock_chaos_register(struct mock *mock, uint32_t value, unsigned width);
/* A used entry, before it is written. */
void mock_chaos_used(struct mock *mock, struct mock_queue *queue, uint32_t *id,
		     uint32_t *written);
/* The mock is about to look into its rings. */
void mock_chaos_undo(struct mock *mock);
/* One act against a queue: its rings overwritten, an index moved, an interrupt or a reset
 * asked for out of the blue. */
void mock_chaos_strike(struct mock *mock, unsigned queue);

#endif
