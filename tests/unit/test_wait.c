/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: kernel/sched.c kernel/wait.c kernel/thread.c kernel/stack.c kernel/sync.c
 *	kernel/time.c tests/unit/host/switch.c tests/unit/host/cpu.c tests/unit/host/mmu.c
 *	tests/unit/host/heap.c tests/unit/host/page.c tests/unit/host/panic.c */

/* What threads wait by: wait queues, mutexes, conditions, semaphores. */

#include <kernel/sync.h>
#include "sched_threads.h"

static struct wait_queue queue;
static unsigned wakes_left;
static bool condition;

static void interrupt_wakes(void)
{
	condition = true;
	wakes_left--;
	wait_wake(&queue, 1, 0);
	sched_interrupt_exit();
}

static void lone_thread_is_never_switched(void **state)
{
	uint64_t switches = thread_current()->switches;
	struct wait wait;

	(void)state;
	on_idle = interrupt_wakes;
	wakes_left = 100;
	wait_begin(&queue, &wait);
	while (wakes_left) {
		condition = false;
		while (!condition)
			assert_true(wait_sleep(&wait, NO_DEADLINE));
	}
	wait_end(&wait);
	on_idle = NULL;
	assert_int_equal(thread_current()->switches, switches);
	assert_null(queue.first);
}

static void no_wake_up_is_lost(void **state)
{
	struct mutex mutex = { 0 };
	struct wait wait, other;
	struct wait_queue second = { 0 };

	(void)state;
	wait_begin(&queue, &wait);
	assert_int_equal(wait_wake(&queue, 1, 0), 1);
	mutex_lock(&mutex);
	mutex_unlock(&mutex);
	thread_sleep_until(clock_ns() +
			   5); /* another sleep in between takes nothing away */
	assert_true(wait_sleep(&wait, NO_DEADLINE));
	assert_false(wait_sleep(&wait, clock_ns() + 5));
	/* On two queues: what comes by one ends a sleep on the other. */
	wait_begin(&second, &other);
	wait_wake(&second, 1, 0);
	assert_true(wait_sleep(&wait, NO_DEADLINE));
	wait_wake(&second, 1, 0);
	assert_true(wait_sleep(&wait, NO_DEADLINE));
	wait_end(&other);
	wait_end(&wait);
	assert_null(queue.first);
	assert_null(second.first);
}

static unsigned woken_count;

static void wait_once(void *argument)
{
	struct wait wait;

	wait_begin(&queue, &wait);
	woken_count += wait_sleep(&wait, *(uint64_t *)argument);
	wait_end(&wait);
}

static void counts_of_wakes(void **state)
{
	static uint64_t never = NO_DEADLINE;
	uint64_t soon = clock_ns() + NS_PER_MS;

	(void)state;
	woken_count = 0;
	for (unsigned i = 0; i < 5; i++)
		spawn("waiter", wait_once, &never);
	thread_yield();
	assert_int_equal(wait_wake(&queue, 2, 0), 2);
	assert_int_equal(wait_wake(&queue, 1, 0),
			 1); /* a third one, not the same again */
	thread_yield();
	assert_int_equal(woken_count, 3);
	assert_int_equal(wait_wake(&queue, WAKE_ALL, 0), 2);
	join_all();
	assert_int_equal(wait_wake(&queue, WAKE_ALL, 0), 0);
	woken_count = 0;
	spawn("late", wait_once, &soon);
	join_all();
	assert_int_equal(woken_count, 0);
}

static uintptr_t notified;

static void notify(struct wait *self, uintptr_t what)
{
	(void)self;
	notified += what;
}

static void notified_entries(void **state)
{
	struct wait a, b;

	(void)state;
	wait_begin_notify(&queue, &a, notify);
	wait_begin_notify(&queue, &b, notify);
	assert_int_equal(wait_wake(&queue, 1, 3), 0);
	assert_int_equal(notified, 6);
	wait_end(&a);
	wait_wake(&queue, 1, 4);
	wait_end(&b);
	assert_int_equal(notified, 10);
}

static struct mutex mutex;
static unsigned shared, inside;

static void count_under_mutex(void *argument)
{
	(void)argument;
	for (unsigned i = 0; i < 300; i++) {
		unsigned before;

		mutex_lock(&mutex);
		assert_true(mutex_held(&mutex));
		assert_int_equal(inside++, 0);
		before = shared;
		sometimes_preempt();
		if (rand() % 10 == 0)
			thread_sleep_until(clock_ns() + 10);
		shared = before + 1;
		inside--;
		mutex_unlock(&mutex);
		assert_false(mutex_held(&mutex));
		sometimes_preempt();
	}
}

static void mutexes_exclude(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++)
		spawn("counter", count_under_mutex, NULL);
	join_all();
	assert_int_equal(shared, 1800);
	assert_int_equal(mutex.owner, 0);
	assert_null(mutex.waiters.first);
	assert_true(mutex_trylock(&mutex));
	assert_false(mutex_trylock(&mutex));
	mutex_unlock(&mutex);
}

static struct condition not_empty, not_full;
static unsigned items, produced, consumed;

static void produce(void *argument)
{
	(void)argument;
	for (unsigned i = 0; i < 500; i++) {
		mutex_lock(&mutex);
		while (items == 3)
			condition_wait(&not_full, &mutex, NO_DEADLINE);
		items++;
		produced++;
		sometimes_preempt();
		mutex_unlock(&mutex);
		condition_signal(&not_empty);
	}
}

static void consume(void *argument)
{
	(void)argument;
	for (unsigned i = 0; i < 500; i++) {
		mutex_lock(&mutex);
		while (items == 0)
			condition_wait(&not_empty, &mutex, clock_ns() + 100);
		items--;
		consumed++;
		sometimes_preempt();
		mutex_unlock(&mutex);
		condition_signal(&not_full);
		sometimes_preempt();
	}
}

static void conditions(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		spawn("producer", produce, NULL);
		spawn("consumer", consume, NULL);
	}
	join_all();
	assert_int_equal(produced, 1500);
	assert_int_equal(consumed, 1500);
	mutex_lock(&mutex);
	assert_false(condition_wait(&not_empty, &mutex, clock_ns() + 10));
	assert_true(mutex_held(&mutex));
	mutex_unlock(&mutex);
}

static struct semaphore semaphore;
static unsigned taken, given;

static void take_many(void *argument)
{
	(void)argument;
	for (unsigned i = 0; i < 400; i++) {
		bool ok = semaphore_down(&semaphore,
					 i % 3 ? NO_DEADLINE : clock_ns() + 20);

		taken += ok;
		sometimes_preempt();
	}
}

static void give_many(void *argument)
{
	(void)argument;
	/* Until all takers are through: one thread, this one, and the test's are left. */
	while (alive > 1) {
		semaphore_up(&semaphore);
		given++;
		sometimes_preempt();
		if (rand() % 4 == 0)
			thread_sleep_until(clock_ns() + 50);
	}
}

static void semaphores(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		spawn("taker", take_many, NULL);
	spawn("giver", give_many, NULL);
	join_all();
	assert_int_equal(semaphore.count + taken, given);
	assert_null(semaphore.waiters.first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lone_thread_is_never_switched),
		cmocka_unit_test(no_wake_up_is_lost),
		cmocka_unit_test(counts_of_wakes),
		cmocka_unit_test(notified_entries),
		cmocka_unit_test(mutexes_exclude),
		cmocka_unit_test(conditions),
		cmocka_unit_test(semaphores),
	};

	return run_with_threads(tests);
}
