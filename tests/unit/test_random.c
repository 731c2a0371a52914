/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/host/cpu.c tests/unit/host/log.c tests/unit/host/time.c */

/* The random generator: the block function by the standard's vector, and what must change
 * when (it never repeats, depends on all that was mixed in, asks for more). */

#include <unit.h>
#include "host/host.h"
#include "kernel/random.c" /* its block function is tested by itself */

static bool have_source;
static unsigned requests;

bool random_source_request(void)
{
	requests++;
	return have_source;
}

/* RFC 8439 §2.3.2. */
static void standard_vector(void **state)
{
	static const uint32_t expected[16] = {
		0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7, 0x0368c033,
		0x9aaa2204, 0x4e6cd4c3, 0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
		0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2,
	};
	const uint32_t input[4] = { 1, 0x09000000, 0x4a000000, 0 };
	uint32_t vector_key[KEY_WORDS], out[16];

	(void)state;
	for (unsigned i = 0; i < KEY_BYTES; i++)
		((uint8_t *)vector_key)[i] = (uint8_t)i;
	chacha20_block(vector_key, input, PURPOSE_READ, out);
	assert_memory_equal(out, expected, sizeof(out));
	chacha20_block(vector_key, input, PURPOSE_ABSORB, out);
	assert_memory_not_equal(out, expected, sizeof(out));
}

/* The state is the key alone: equal keys and inputs give equal keys, whatever the input's
 * division into words; one bit of difference gives another. */
static void mixing_depends_on_every_bit(void **state)
{
	uint8_t bytes[37] = { 0 };
	uint32_t keys[1 + 8 * sizeof(bytes)][KEY_WORDS];

	(void)state;
	for (unsigned i = 0; i < array_count(keys); i++) {
		if (i)
			bytes[(i - 1) / 8] = (uint8_t)(1u << (i - 1) % 8);
		memset(key, 0x5a, sizeof(key));
		mix_locked(bytes, sizeof(bytes));
		memcpy(keys[i], key, sizeof(key));
		if (i)
			bytes[(i - 1) / 8] = 0;
		for (unsigned j = 0; j < i; j++)
			assert_memory_not_equal(keys[i], keys[j], KEY_BYTES);
	}
	memset(key, 0x5a, sizeof(key));
	mix_locked(bytes, sizeof(bytes) - 1); /* one zero byte fewer */
	assert_memory_not_equal(key, keys[0], KEY_BYTES);
	memset(key, 0, sizeof(key));
}

/* Runs first of those that read: with no source at all it answers, warns, and says
 * that it is not ready. */
static void without_any_source(void **state)
{
	uint8_t first[48], second[48], small[32];

	(void)state;
	host_random_works = false;
	assert_false(ferrule_entropy_ready());
	ferrule_entropy_read(first, sizeof(first));
	ferrule_entropy_read(second, sizeof(second));
	ferrule_entropy_read(small, sizeof(small));
	assert_memory_not_equal(first, second, sizeof(first));
	assert_memory_not_equal(small, second, sizeof(small));
	assert_false(ferrule_entropy_ready());
	assert_int_equal(requests, 1); /* the first read asked */
}

static void seeds_are_counted(void **state)
{
	uint8_t seed[31] = { 1, 2, 3 };

	(void)state;
	ferrule_entropy_mix(seed, sizeof(seed), false);
	ferrule_entropy_mix(seed, sizeof(seed), false);
	assert_false(ferrule_entropy_ready());
	ferrule_entropy_mix(seed, sizeof(seed), true);
	assert_false(ferrule_entropy_ready());
	ferrule_entropy_mix(seed, 1, true);
	assert_true(ferrule_entropy_ready());
	ferrule_entropy_mix(seed, 0, true);
}

static void long_answers_have_no_pattern(void **state)
{
	static uint8_t many[100001];
	unsigned ones = 0;

	(void)state;
	many[100000] = 0x55;
	ferrule_entropy_read(many, 100000);
	assert_int_equal(many[100000], 0x55);
	for (unsigned i = 0; i < 100000; i++)
		ones += (unsigned)__builtin_popcount(many[i]);
	assert_in_range(ones, 398000, 402000); /* 800,000 bits, ± 4.5 deviations */
	for (unsigned i = 64; i < 99936; i += 64)
		assert_memory_not_equal(many, many + i, 64);
}

static void every_length(void **state)
{
	(void)state;
	for (unsigned bytes = 0; bytes < 200; bytes++) {
		uint8_t out[201];

		memset(out, 0xee, sizeof(out));
		ferrule_entropy_read(out, bytes);
		assert_int_equal(out[bytes], 0xee);
	}
}

static void reseeds_as_it_is_used(void **state)
{
	static uint8_t out[1 << 19];

	(void)state;
	requests = 0;
	for (unsigned i = 0; i < 8; i++)
		ferrule_entropy_read(out, sizeof(out));
	assert_in_range(requests, 3, 5);
	requests = 0;
	for (unsigned i = 0; i < 10000; i++)
		ferrule_entropy_read(out, 8);
	assert_in_range(requests, 2, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(standard_vector),
		cmocka_unit_test(mixing_depends_on_every_bit),
		cmocka_unit_test(without_any_source),
		cmocka_unit_test(seeds_are_counted),
		cmocka_unit_test(long_answers_have_no_pattern),
		cmocka_unit_test(every_length),
		cmocka_unit_test(reseeds_as_it_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
