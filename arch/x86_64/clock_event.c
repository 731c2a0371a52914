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

/* Each error makes the rate too low, and so the timer early: the clock is read after the
 * count. A count that has run out did so a little earlier, and is taken if it agrees with
 * what is known: the machine may have stood still in between. */
static __attribute__((cold)) void learn_rate(void)
{
	uint32_t left;
	uint64_t span, rate;

	if (best_span >= SPAN_ENOUGH)
		return;
	left = apic_timer_count();
	span = arch_clock_ns() - started_ns;
	if (span <= best_span || left >= started_count)
		return;
	rate = ((uint64_t)(started_count - left) << 32) / span;
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
	do
		learn_rate();
	while (best_span < SPAN_LEAST);
	now = arch_clock_ns();
	ahead = deadline_ns > now ? deadline_ns - now : 1;
	if (best_span < SPAN_ENOUGH && ahead > best_span * AHEAD_FACTOR)
		ahead = best_span * AHEAD_FACTOR;
	count = (uint64_t)((__uint128_t)ahead * counts_per_ns >> 32) + 1;
	start(count < COUNT_MAX ? count : COUNT_MAX, now);
}

void clock_interrupt(void)
{
	learn_rate();
	timer_interrupt();
}

__attribute__((cold)) void clock_event_init(void)
{
	start(COUNT_MAX, arch_clock_ns());
}
