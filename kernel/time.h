/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Clocks and one-shot timers. Context: any; timer callbacks run in interrupt context. */

#ifndef KERNEL_TIME_H
#define KERNEL_TIME_H

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_SEC UINT64_C(1000000000)
#define NS_PER_MS  UINT64_C(1000000)
#define NS_PER_US  UINT64_C(1000)

uint64_t clock_ns(void);	 /* since boot, never goes back */
int64_t clock_realtime_ns(void); /* since 1970-01-01 UTC */
void clock_set_realtime_ns(int64_t now_ns);

struct timer {
	uint64_t deadline_ns;		     /* timer.c's while armed */
	void (*expired)(struct timer *self); /* interrupt context, interrupts off */
	struct timer *left, *right, *parent; /* timer.c's: pairing heap */
	bool armed;
};

/* Arms (or re-arms) the timer; its owner keeps it alive until it expired or was
 * cancelled. A deadline in the past expires at the next interrupt. */
void timer_arm(struct timer *timer, uint64_t deadline_ns);
/* True if it was armed, and now will not expire. On return the callback is not running. */
bool timer_cancel(struct timer *timer);

/* From the clock interrupt: expires what is due and programs the next one. */
void timer_interrupt(void);

#endif
