/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The clock event: the local APIC's one-shot timer. Its rate is learnt as it runs, like
 * the counter's: from boot on it counts down, and what it counted against the clock gives
 * the rate. An interrupt that comes early is harmless: timer_interrupt() arms the rest. */

#include <arch/cpu.h>
#include <arch/trap.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include "clock.h"

#define COUNT_MAX    UINT32_MAX
#define SPAN_ENOUGH  (20 * NS_PER_MS) /* the rate over such a span is not taken again */
#define SPAN_LEAST   (10 * NS_PER_US)
#define AHEAD_FACTOR 64 /* trust a rate for this many times the span it was taken over */

static uint64_t started_ns; /* when the running count was started */
static uint32_t started_count;
static uint64_t counts_per_ns; /* 32.32 */
static uint64_t best_span;     /* over which counts_per_ns was taken */

static void start(uint32_t count, uint64_t now)
{
	started_ns = now;
	started_count = count;
	apic_timer_start(count);
}

static void learn_rate(uint64_t now)
{
	uint32_t left;
	uint64_t span = now - started_ns, rate;

	if (best_span >= SPAN_ENOUGH || span <= best_span || span > UINT32_MAX)
		return;
	left = apic_timer_count();
	if (left >= started_count)
		return;
	rate = ((uint64_t)(started_count - left) << 32) / span;
	/* It ran out at some time within the span: as good if that was near its end. */
	if (!left && rate < counts_per_ns - counts_per_ns / 8)
		return;
	counts_per_ns = rate;
	best_span = span;
}

void arch_timer_program(uint64_t deadline_ns)
{
	uint64_t now, ahead, count;

	if (deadline_ns == NO_DEADLINE) {
		if (best_span >= SPAN_ENOUGH)
			apic_timer_start(0);
		else /* it goes on counting, to be learnt from */
			start(COUNT_MAX, arch_clock_ns());
		return;
	}
	do {
		now = arch_clock_ns();
		learn_rate(now);
	} while (best_span < SPAN_LEAST);
	ahead = deadline_ns > now ? deadline_ns - now : 1;
	if (best_span < SPAN_ENOUGH && ahead > best_span * AHEAD_FACTOR)
		ahead = best_span * AHEAD_FACTOR;
	count = (uint64_t)((__uint128_t)ahead * counts_per_ns >> 32) + 1;
	start(count < COUNT_MAX ? count : COUNT_MAX, now);
}

void clock_interrupt(void)
{
	learn_rate(arch_clock_ns());
	timer_interrupt();
}

void clock_event_init(void)
{
	start(COUNT_MAX, arch_clock_ns());
}
