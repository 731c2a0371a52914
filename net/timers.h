/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* lwIP's periodic timers, run only while they have something to do. Under net_lock(). */

#ifndef NET_TIMERS_H
#define NET_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

/* Runs what is due; `active`: frames moved since the last call. Returns when to call
 * again, in clock_ns() time. */
uint64_t net_timers_run(bool active);

/* Something needs a timer that was not running when net_timers_run() was last called, so
 * that it must be called now. Cheap: asked after each use of the stack. */
bool net_timers_stale(bool active);

#endif
