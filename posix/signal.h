/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Signals, as the rest of posix/ sees them. */

#ifndef POSIX_SIGNAL_H
#define POSIX_SIGNAL_H

#include <signal.h>
#include <stdbool.h>

/* True when a signal with a handler waits for the running thread: a call that sleeps gives
 * up with -EINTR. Cheap. */
bool signal_pending(void);
/* For a call that got -EINTR and holds nothing that a handler could miss (it may jump away):
 * runs the handlers. True if all asked for the call to be made again (SA_RESTART). */
bool signal_restart(void);
/* Sends a signal to the running thread (SIGPIPE); acted on when the call returns. */
void signal_raise(int number);
/* Replaces the running thread's mask, for the calls that take one; *old gets the mask to
 * put back with the same function. set NULL: does nothing. */
void signal_mask_swap(const sigset_t *set, sigset_t *old);

#endif
