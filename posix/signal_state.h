/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Between signal_raise.c, which every program that can be sent a signal has, and the
 * calls in signal.c, which are there if the program makes them. */

#ifndef POSIX_SIGNAL_STATE_H
#define POSIX_SIGNAL_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <posix/calls.h>
#include <posix/posix_thread.h>

#define SIGNALS 64 /* numbers 1..64 */

static inline uint64_t signal_bit(int number)
{
	return UINT64_C(1) << (number - 1);
}

extern struct spinlock signal_lock;
extern struct signal_action signal_actions[SIGNALS]; /* [number - 1]; under signal_lock */
extern uint64_t signal_process_pending; /* sent to the process, blocked by all; atomic */

struct signal_action signal_action_of(int number);
/* Would the signal do nothing if it were not blocked? */
bool signal_ignored(int number);
/* Ends the program if that is what the signal does by default. */
void signal_default(int number);

/* Sends to one thread: ends the program, or makes it pending and wakes the thread. */
void signal_send(struct posix_thread *thread, int number);

/* Runs the handlers of what is pending for the running thread and not blocked. */
void signal_run_handlers(void);

#endif
