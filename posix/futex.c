/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Futexes. A waiter puts itself into the bucket of its word if the word still has the
 * expected value; a waker takes it out and wakes it, both under the bucket's lock. So no
 * wake-up between look and sleep is lost. Private and shared ones are the same here. */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <kernel/time.h>
#include <posix/futex.h>
#include <posix/futex_bucket.h>
#include <posix/pointer.h>
#include <posix/posix_thread.h>
#include <posix/signal.h>
#include <posix/timespec.h>

/* Operations (linux/futex.h, part of the system call interface). */
enum {
	FUTEX_WAIT = 0,
	FUTEX_WAKE = 1,
	FUTEX_REQUEUE = 3,
	FUTEX_CMP_REQUEUE = 4,
	FUTEX_WAIT_BITSET = 9,
	FUTEX_WAKE_BITSET = 10,
	FUTEX_PRIVATE_FLAG = 128,
	FUTEX_CLOCK_REALTIME = 256,
};
/* There with what makes threads (thread.c): as long as there is one, nobody waits who
 * could be moved. */
#pragma weak futex_requeue

struct futex_bucket futex_buckets[FUTEX_BUCKETS];

void futex_append(struct futex_bucket *bucket, struct futex_waiter *waiter)
{
	waiter->next = NULL;
	waiter->previous = bucket->last;
	if (bucket->last)
		bucket->last->next = waiter;
	else
		bucket->first = waiter;
	bucket->last = waiter;
}

void futex_take_out(struct futex_bucket *bucket, struct futex_waiter *waiter)
{
	if (waiter->previous)
		waiter->previous->next = waiter->next;
	else
		bucket->first = waiter->next;
	if (waiter->next)
		waiter->next->previous = waiter->previous;
	else
		bucket->last = waiter->previous;
}

/* Locks the bucket that the waiter is in now: it may be moved while we wait for a lock. */
static struct futex_bucket *lock_bucket_of(struct futex_waiter *waiter,
					   unsigned long *irq)
{
	for (;;) {
		const int *word = __atomic_load_n(&waiter->word, __ATOMIC_RELAXED);
		struct futex_bucket *bucket = futex_bucket_of(word);

		*irq = spin_lock(&bucket->lock);
		if (bucket == futex_bucket_of(waiter->word))
			return bucket;
		spin_unlock(&bucket->lock, *irq);
	}
}

unsigned futex_wake_locked(struct futex_bucket *bucket, const int *word, unsigned count,
			   uint32_t bits)
{
	struct futex_waiter *waiter = bucket->first, *next;
	unsigned woken = 0;

	for (; waiter && woken < count; waiter = next) {
		next = waiter->next;
		if (waiter->word != word || !(waiter->bits & bits))
			continue;
		futex_take_out(bucket, waiter);
		__atomic_store_n(&waiter->woken, true, __ATOMIC_RELEASE);
		/* Still under the lock: the waiter takes it before its stack goes away. */
		wait_wake(waiter->queue, WAKE_ALL, 0);
		woken++;
	}
	return woken;
}

static unsigned wake(const int *word, unsigned count, uint32_t bits)
{
	struct futex_bucket *bucket = futex_bucket_of(word);
	unsigned long irq;
	unsigned woken;

	irq = spin_lock(&bucket->lock);
	woken = futex_wake_locked(bucket, word, count, bits);
	spin_unlock(&bucket->lock, irq);
	return woken;
}

unsigned futex_wake(int *word, unsigned count)
{
	return wake(word, count, FUTEX_MATCH_ANY);
}

static long wait(const int *word, int value, uint32_t bits, uint64_t deadline_ns)
{
	struct posix_thread *self = posix_self();
	struct wait_queue own = { 0 };
	struct futex_waiter waiter = { .word = word, .bits = bits };
	struct futex_bucket *bucket = futex_bucket_of(word);
	bool in_time = true, interrupted = false;
	struct wait entry;
	unsigned long irq;
	long result = 0;

	/* Have the word's page there: no fault under the lock. */
	if (__atomic_load_n(word, __ATOMIC_RELAXED) != value)
		return -EAGAIN;
	waiter.queue = self ? &self->wakeup : &own;
	wait_begin(waiter.queue, &entry);
	irq = spin_lock(&bucket->lock);
	if (__atomic_load_n(word, __ATOMIC_SEQ_CST) == value)
		futex_append(bucket, &waiter);
	else
		result = -EAGAIN;
	spin_unlock(&bucket->lock, irq);
	while (!result && in_time && !interrupted &&
	       !__atomic_load_n(&waiter.woken, __ATOMIC_ACQUIRE)) {
		interrupted = signal_pending();
		if (!interrupted)
			in_time = wait_sleep(&entry, deadline_ns);
	}
	if (!result) {
		bucket = lock_bucket_of(&waiter, &irq);
		if (!waiter.woken) {
			futex_take_out(bucket, &waiter);
			result = interrupted ? -EINTR : -ETIMEDOUT;
		}
		spin_unlock(&bucket->lock, irq);
	}
	wait_end(&entry);
	return result;
}

/* FUTEX_WAIT's timeout is relative, FUTEX_WAIT_BITSET's a point in time. */
static int deadline_of(const struct timespec *timeout, int operation, bool absolute,
		       uint64_t *deadline_ns)
{
	*deadline_ns = NO_DEADLINE;
	if (!timeout)
		return 0;
	if (pointer_is_bad(timeout))
		return -EFAULT;
	if (!timespec_valid(timeout))
		return -EINVAL;
	*deadline_ns = absolute ? deadline_at(timeout, operation & FUTEX_CLOCK_REALTIME
							       ? CLOCK_REALTIME
							       : CLOCK_MONOTONIC)
				: deadline_after(timeout);
	return 0;
}

long sys_futex(int *word, int operation, int value, const struct timespec *timeout,
	       int *word2, int value3)
{
	int command = operation & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
	bool with_bits = command == FUTEX_WAIT_BITSET || command == FUTEX_WAKE_BITSET;
	uint32_t bits = with_bits ? (uint32_t)value3 : FUTEX_MATCH_ANY;
	uint64_t deadline_ns;
	int error;

	if (pointer_is_bad(word))
		return -EFAULT;
	if ((uintptr_t)word & 3 || !bits)
		return -EINVAL;
	switch (command) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		error = deadline_of(timeout, operation, with_bits, &deadline_ns);
		while (!error) {
			error = (int)wait(word, value, bits, deadline_ns);
			/* The C library's locks try again: the handler must have run. */
			if (error != -EINTR)
				return error;
			if (signal_restart())
				error = 0;
		}
		return error;
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
		return wake(word, (unsigned)value, bits);
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
		/* The fourth argument is a count here. */
		if (pointer_is_bad(word2))
			return -EFAULT;
		if (futex_requeue)
			return futex_requeue(
				word, (unsigned)value, (unsigned)(uintptr_t)timeout,
				word2, command == FUTEX_CMP_REQUEUE ? &value3 : NULL);
		return command == FUTEX_CMP_REQUEUE && *word != value3 ? -EAGAIN : 0;
	}
	return -ENOSYS;
}
