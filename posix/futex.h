/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Waiting on a word of memory. */

#ifndef POSIX_FUTEX_H
#define POSIX_FUTEX_H

struct timespec;

/* Wakes up to `count` threads that wait on the word; how many. Context: thread. */
unsigned futex_wake(int *word, unsigned count);

long sys_futex(int *word, int operation, int value, const struct timespec *timeout,
	       int *word2, int value3);

#endif
