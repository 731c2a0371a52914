/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Between futex.c and futex_requeue.c: who waits on which word. */

#ifndef POSIX_FUTEX_BUCKET_H
#define POSIX_FUTEX_BUCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <kernel/lock.h>
#include <kernel/thread.h>

#define FUTEX_MATCH_ANY UINT32_MAX

/* On the waiter's stack. */
struct futex_waiter {
	struct futex_waiter *next, *previous; /* under the bucket's lock */
	const int *word; /* changes when it is requeued; under its bucket's lock */
	uint32_t bits;
	bool woken;		  /* under the bucket's lock; read without */
	struct wait_queue *queue; /* where its thread sleeps */
};

struct futex_bucket {
	struct spinlock lock;
	struct futex_waiter *first, *last; /* oldest first; under lock */
};

#define FUTEX_BUCKETS 64 /* words that share one only share its lock */
extern struct futex_bucket futex_buckets[FUTEX_BUCKETS];

static inline struct futex_bucket *futex_bucket_of(const int *word)
{
	uintptr_t address = (uintptr_t)word >> 2;

	return &futex_buckets[(address ^ address >> 6 ^ address >> 12) % FUTEX_BUCKETS];
}

/* All under the bucket's lock. */
void futex_append(struct futex_bucket *bucket, struct futex_waiter *waiter);
void futex_take_out(struct futex_bucket *bucket, struct futex_waiter *waiter);
/* Wakes up to `count` waiters of the word that have one of the bits; how many. */
unsigned futex_wake_locked(struct futex_bucket *bucket, const int *word, unsigned count,
			   uint32_t bits);

/* FUTEX_REQUEUE; FUTEX_CMP_REQUEUE with *expected. */
long futex_requeue(const int *word, unsigned wake_count, unsigned move_count,
		   const int *word2, const int *expected);

#endif
