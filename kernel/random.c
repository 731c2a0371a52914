/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Random numbers: a generator on the ChaCha20 block function (RFC 8439 §2.3).
 *
 * The whole state is one key K.
 *
 *	read  One block under K gives 64 bytes: the first half replaces K, the second half is
 *	      the answer, or, for a long answer, the key of a stream that is used once. So
 *	      whoever learns the state later cannot compute what was answered before (fast
 *	      key erasure).
 *	mix   Input is absorbed 16 bytes at a time as the block's counter and nonce:
 *	      K = first half of block(K, input), and at last K = block(K, length). This is a
 *	      cascade of a pseudorandom function: with K unknown, no chosen input makes the
 *	      result predictable; with K known, the result is as unpredictable as the input.
 *
 * Reading, absorbing and closing use different constants, so none can be mistaken for
 * another. */

#include <string.h>
#include <arch/cpu.h>
#include <ferrule/entropy.h>
#include <kernel/init.h>
#include <kernel/lock.h>
#include <kernel/log.h>
#include <kernel/random.h>
#include <kernel/time.h>

#define KEY_WORDS    8
#define KEY_BYTES    32
#define BLOCK_BYTES  64
#define ABSORB_BYTES 16
#define SEED_BYTES   32 /* unpredictable bytes that make a good seed */
/* Fresh input is sought after this many reads or bytes. */
#define RESEED_READS 4096
#define RESEED_BYTES (UINT64_C(1) << 20)

enum purpose { PURPOSE_READ, PURPOSE_ABSORB, PURPOSE_CLOSE };

static struct spinlock lock;
static uint32_t key[KEY_WORDS]; /* under lock */
static unsigned seed_bytes;	/* unpredictable bytes mixed in; under lock; saturates */
static bool cpu_seeded;		/* under lock */
static uint64_t reads_left, bytes_left; /* until the next reseed; under lock */
static bool ready;			/* atomic; never goes back */

static inline uint32_t rotate(uint32_t value, unsigned bits)
{
	return value << bits | value >> (32 - bits);
}

static inline void quarter_round(uint32_t *x, unsigned a, unsigned b, unsigned c,
				 unsigned d)
{
	x[a] += x[b];
	x[d] = rotate(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rotate(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rotate(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rotate(x[b] ^ x[c], 7);
}

static void chacha20_block(const uint32_t block_key[KEY_WORDS], const uint32_t input[4],
			   enum purpose purpose, uint32_t out[16])
{
	uint32_t start[16] = { 0x61707865 ^ (uint32_t)purpose, 0x3320646e, 0x79622d32,
			       0x6b206574 };

	memcpy(&start[4], block_key, KEY_BYTES);
	memcpy(&start[12], input, ABSORB_BYTES);
	memcpy(out, start, sizeof(start));
	for (unsigned round = 0; round < 10; round++) {
		quarter_round(out, 0, 4, 8, 12);
		quarter_round(out, 1, 5, 9, 13);
		quarter_round(out, 2, 6, 10, 14);
		quarter_round(out, 3, 7, 11, 15);
		quarter_round(out, 0, 5, 10, 15);
		quarter_round(out, 1, 6, 11, 12);
		quarter_round(out, 2, 7, 8, 13);
		quarter_round(out, 3, 4, 9, 14);
	}
	for (unsigned i = 0; i < 16; i++)
		out[i] += start[i];
}

/* Erases secrets in a way the compiler may not leave out. */
static void wipe(void *memory, size_t bytes)
{
	memset(memory, 0, bytes);
	__asm__ volatile("" : : "r"(memory) : "memory");
}

/* Under the lock. */
static void absorb(const uint32_t input[4], enum purpose purpose)
{
	uint32_t block[16];

	chacha20_block(key, input, purpose, block);
	memcpy(key, block, KEY_BYTES);
	wipe(block, sizeof(block));
}

/* Under the lock. */
static void mix_locked(const void *bytes, size_t count)
{
	uint32_t length[4] = { (uint32_t)count, (uint32_t)((uint64_t)count >> 32) };
	const char *at = bytes;

	for (size_t left = count; left;) {
		size_t step = left < ABSORB_BYTES ? left : ABSORB_BYTES;
		uint32_t input[4] = { 0 };

		memcpy(input, at, step);
		absorb(input, PURPOSE_ABSORB);
		at += step;
		left -= step;
	}
	absorb(length, PURPOSE_CLOSE);
}

/* Under the lock. */
static void count_seed(size_t count)
{
	if (count > SEED_BYTES - seed_bytes)
		count = SEED_BYTES - seed_bytes;
	seed_bytes += (unsigned)count;
	if (seed_bytes == SEED_BYTES)
		__atomic_store_n(&ready, true, __ATOMIC_RELEASE);
}

/* What the CPU has: its generator, if any, and the time in its finest unit. Under the
 * lock. */
static void mix_cpu(void)
{
	uint64_t input[6] = { 0 };
	unsigned words = 0;

	while (words < 4 && arch_random(&input[words]))
		words++;
	input[4] = arch_cycles();
	input[5] = clock_ns();
	mix_locked(input, sizeof(input));
	wipe(input, sizeof(input));
	if (words == 4)
		count_seed(SEED_BYTES);
	cpu_seeded = true;
}

/* True if the devices should be asked for more. Under the lock. */
static bool reseed_due(size_t bytes)
{
	if (cpu_seeded && reads_left && bytes_left >= bytes) {
		reads_left--;
		bytes_left -= bytes;
		return false;
	}
	reads_left = RESEED_READS;
	bytes_left = RESEED_BYTES;
	mix_cpu();
	return true;
}

/* A long answer: the key stream of a key that nobody uses again. */
static void stream(const uint32_t once[KEY_WORDS], char *out, size_t bytes)
{
	uint32_t block[16], input[4] = { 0 };

	while (bytes) {
		size_t step = bytes < BLOCK_BYTES ? bytes : BLOCK_BYTES;

		chacha20_block(once, input, PURPOSE_READ, block);
		if (!++input[0])
			input[1]++;
		memcpy(out, block, step);
		out += step;
		bytes -= step;
	}
	wipe(block, sizeof(block));
}

void ferrule_entropy_read(void *out, size_t bytes)
{
	static const uint32_t zero[4];
	uint32_t block[16];
	unsigned long flags = spin_lock(&lock);
	bool ask = reseed_due(bytes);

	chacha20_block(key, zero, PURPOSE_READ, block);
	memcpy(key, block, KEY_BYTES);
	spin_unlock(&lock, flags);
	if (bytes <= KEY_BYTES)
		memcpy(out, &block[KEY_WORDS], bytes);
	else
		stream(&block[KEY_WORDS], out, bytes);
	wipe(block, sizeof(block));
	if (ask)
		random_source_request();
}

bool ferrule_entropy_ready(void)
{
	return __atomic_load_n(&ready, __ATOMIC_ACQUIRE);
}

void ferrule_entropy_mix(const void *bytes, size_t count, bool counts_as_seed)
{
	const char *at = bytes;

	/* In steps, copied first: the caller's memory may need a page fault, which must not
	 * happen under the lock. */
	while (count) {
		char step[4 * ABSORB_BYTES];
		size_t length = count < sizeof(step) ? count : sizeof(step);
		uint64_t cycles = arch_cycles();
		unsigned long flags;

		memcpy(step, at, length);
		flags = spin_lock(&lock);
		mix_locked(step, length);
		mix_locked(&cycles, sizeof(cycles));
		if (counts_as_seed)
			count_seed(length);
		spin_unlock(&lock, flags);
		wipe(step, length);
		at += length;
		count -= length;
	}
}

static void random_init(void)
{
	unsigned long flags = spin_lock(&lock);

	if (!cpu_seeded)
		mix_cpu();
	spin_unlock(&lock, flags);
	if (random_source_request())
		return;
	if (ferrule_entropy_ready())
		log_info("random: no entropy device, seeded by the processor alone");
	else
		log_warn("random: no entropy device and no generator in the processor: "
			 "random numbers can be guessed");
}
INIT_CALL(INIT_SERVICE, random_init);
