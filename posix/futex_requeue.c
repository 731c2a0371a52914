/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Futexes: moving waiters from one word to another. */

#include <errno.h>
#include <posix/futex_bucket.h>

/* Both buckets are locked in order of address. */
long futex_requeue(const int *word, unsigned wake_count, unsigned move_count,
		   const int *word2, const int *expected)
{
	struct futex_bucket *from = futex_bucket_of(word), *to = futex_bucket_of(word2);
	struct futex_bucket *first = from < to ? from : to,
			    *second = from < to ? to : from;
	struct futex_waiter *waiter, *next;
	unsigned long irq, irq2 = 0;
	long count = 0;

	if (expected)
		(void)*(const volatile int *)word; /* have the page there */
	irq = spin_lock(&first->lock);
	if (second != first)
		irq2 = spin_lock(&second->lock);
	if (expected && __atomic_load_n(word, __ATOMIC_SEQ_CST) != *expected) {
		count = -EAGAIN;
		goto out;
	}
	count = futex_wake_locked(from, word, wake_count, FUTEX_MATCH_ANY);
	for (waiter = from->first; waiter && move_count; waiter = next) {
		next = waiter->next;
		if (waiter->word != word)
			continue;
		futex_take_out(from, waiter);
		__atomic_store_n(&waiter->word, word2, __ATOMIC_RELAXED);
		futex_append(to, waiter);
		move_count--;
		count++;
	}
out:
	if (second != first)
		spin_unlock(&second->lock, irq2);
	spin_unlock(&first->lock, irq);
	return count;
}
