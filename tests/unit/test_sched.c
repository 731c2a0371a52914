/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: kernel/sched.c kernel/wait.c kernel/thread.c kernel/stack.c kernel/sync.c
 *	kernel/time.c tests/unit/host/switch.c tests/unit/host/cpu.c tests/unit/host/mmu.c
 *	tests/unit/host/heap.c tests/unit/host/page.c tests/unit/host/panic.c */

/* The scheduler with its wait queues and locks, over contexts of the host. Time passes,
 * and interrupts come, only when all threads sleep or where a test says so. */

#include <unit.h>
#include <stdio.h>
#include <stdlib.h>
#include <arch/mmu.h>
#include <kernel/stack.h>
#include <kernel/sync.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include "host/host.h"

extern uint64_t host_hardware_ns, host_timer_programmed;

/* Contexts that the host can switch to leave something behind. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0:detect_stack_use_after_return=0";
}

#define STACK_BYTES (256 * 1024)
static void (*on_idle)(void); /* a device's interrupt, if a test has one */
static unsigned idle_count;

static void clock_passes(uint64_t ns)
{
	host_hardware_ns += ns;
	host_cpu.interrupt_depth++;
	timer_interrupt();
	host_cpu.interrupt_depth--;
	sched_interrupt_exit();
}

static void idle_once(void)
{
	assert_true(host_irqs_off);
	idle_count++;
	if (on_idle) {
		on_idle();
		return;
	}
	if (host_timer_programmed == NO_DEADLINE) {
		fprintf(stderr, "all threads sleep for ever\n");
		abort();
	}
	if (host_hardware_ns < host_timer_programmed)
		host_hardware_ns = host_timer_programmed;
	clock_passes(0);
}

static unsigned alive;

static void gone(struct thread *self)
{
	(void)self;
	alive--;
}

static struct thread *spawn(const char *name, void (*entry)(void *), void *argument)
{
	struct thread *thread = thread_prepare(name, entry, argument, malloc(STACK_BYTES),
					       STACK_BYTES, NULL);

	assert_non_null(thread);
	thread->on_exit = gone;
	alive++;
	thread_start(thread);
	return thread;
}

static void join_all(void)
{
	while (alive)
		thread_sleep_until(clock_ns() + NS_PER_MS);
	assert_false(host_irqs_off);
	assert_int_equal(host_cpu.preempt_count, 0);
}

/* A timer interrupt in mid-flight after which the running thread's slice is over. */
static void preempt(void)
{
	unsigned long flags = arch_irq_save();

	host_cpu.need_resched = true;
	sched_interrupt_exit();
	arch_irq_restore(flags);
}

static void sometimes_preempt(void)
{
	if (rand() % 3 == 0)
		preempt();
}

static char order[64];

static void write_letter(void *argument)
{
	for (unsigned i = 0; i < 3; i++) {
		strncat(order, argument, 1);
		thread_yield();
	}
}

static void round_robin(void **state)
{
	(void)state;
	spawn("a", write_letter, "a");
	spawn("b", write_letter, "b");
	spawn("c", write_letter, "c");
	thread_yield();
	assert_string_equal(order, "abc");
	join_all();
	assert_string_equal(order, "abcabcabc");
}

static uint64_t woken_at[3];

static void sleep_for(void *argument)
{
	uint64_t number = (uintptr_t)argument;

	thread_sleep_until(clock_ns() + number * NS_PER_MS);
	woken_at[number] = clock_ns();
}

static void sleeping(void **state)
{
	uint64_t start = clock_ns();

	(void)state;
	spawn("two", sleep_for, (void *)2);
	spawn("one", sleep_for, (void *)1);
	join_all();
	assert_in_range(woken_at[1], start + NS_PER_MS, start + 2 * NS_PER_MS - 1);
	assert_in_range(woken_at[2], start + 2 * NS_PER_MS, start + 3 * NS_PER_MS);
	start = clock_ns();
	thread_sleep_until(start - 1); /* past: returns at once */
	assert_int_equal(clock_ns(), start);
}

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

static volatile bool hog_stops;
static unsigned hog_turns;

static void hog(void *argument)
{
	(void)argument;
	while (!hog_stops) {
		hog_turns++;
		arch_irq_disable();
		clock_passes(NS_PER_MS); /* its work takes time, and never sleeps */
		arch_irq_enable();
	}
}

static void slices_end(void **state)
{
	uint64_t before;

	(void)state;
	spawn("hog", hog, NULL);
	before = host_hardware_ns;
	thread_yield();
	assert_in_range(host_hardware_ns - before, 2 * NS_PER_MS, 4 * NS_PER_MS);
	preempt_disable();
	hog_stops = true;
	preempt();
	assert_true(host_cpu.need_resched); /* it waits for preempt_enable() */
	preempt_enable();
	assert_false(host_cpu.need_resched);
	join_all();
	/* Alone, no timer runs for a slice. */
	clock_passes(100 * NS_PER_MS);
	assert_int_equal(host_timer_programmed, NO_DEADLINE);
}

/* Who computed and was preempted is so again by the next wake-up, once it had its turn. */
static void wake_ups_preempt(void **state)
{
	(void)state;
	hog_stops = false;
	spawn("hog", hog, NULL);
	for (unsigned i = 0; i < 10; i++) {
		uint64_t deadline = clock_ns() + 5 * NS_PER_MS + 1;

		thread_sleep_until(deadline);
		assert_in_range(clock_ns() - deadline, 0, (i ? 1 : 4) * NS_PER_MS);
	}
	hog_stops = true;
	join_all();
}

static void count_thread(const struct thread *thread, void *count)
{
	assert_in_range(thread->id, 0, 1000);
	++*(unsigned *)count;
}

static void the_dead_are_freed(void **state)
{
	unsigned count = 0;
	long live;

	(void)state;
	thread_each(count_thread, &count);
	assert_int_equal(count, 1);
	spawn("first", sleep_for, (void *)0);
	join_all();
	spawn("second", sleep_for, (void *)0);
	join_all();
	live = host_heap_live;
	for (unsigned i = 0; i < 50; i++) {
		spawn("more", sleep_for, (void *)0);
		join_all();
	}
	assert_int_equal(host_heap_live, live);
	host_heap_budget = 0;
	assert_null(thread_prepare("none", sleep_for, NULL, NULL, 0, NULL));
	host_heap_budget = -1;
}

static void stacks(void **state)
{
	size_t bytes[3] = { 32 * 1024, 8 << 20, 1 }, again = 32 * 1024,
	       large = SIZE_MAX / 2;
	void *stack[3];

	(void)state;
	assert_int_equal(host_page_live, 0);
	for (unsigned i = 0; i < 3; i++) {
		stack[i] = stack_alloc(&bytes[i]);
		assert_non_null(stack[i]);
		assert_true(arch_translate((uintptr_t)stack[i] + bytes[i] - 1, NULL));
		assert_false(arch_translate((uintptr_t)stack[i] - 1, NULL));
	}
	assert_int_equal(bytes[2], 4096);
	assert_int_equal(host_page_live, 4 + 4 + 1);
	assert_true((uintptr_t)stack[2] - (uintptr_t)stack[0] >= bytes[0] + PAGE_BYTES);
	stack_free(stack[0], bytes[0]);
	assert_ptr_equal(stack_alloc(&again), stack[0]);
	assert_null(stack_alloc(&large));
	/* The running thread's stack grows by faults, down to its guard. */
	thread_current()->stack = stack[1];
	thread_current()->stack_bytes = bytes[1];
	assert_true(thread_stack_fault((uintptr_t)stack[1] + 5));
	assert_false(thread_stack_fault((uintptr_t)stack[1] + 5)); /* it is there */
	assert_false(thread_stack_fault((uintptr_t)stack[1] - 1));
	assert_false(thread_stack_fault((uintptr_t)stack[1] + bytes[1]));
	assert_false(thread_stack_fault((uintptr_t)stack[0] + 5)); /* another's */
	thread_current()->stack = NULL;
	for (unsigned i = 0; i < 3; i++)
		stack_free(stack[i], bytes[i]);
	assert_int_equal(host_page_live, 0);
	for (long budget = 0; budget < 4; budget++) {
		again = 32 * 1024;
		host_page_budget = budget;
		assert_null(stack_alloc(&again));
	}
	host_page_budget = -1;
	assert_int_equal(host_page_live, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_robin),
		cmocka_unit_test(sleeping),
		cmocka_unit_test(lone_thread_is_never_switched),
		cmocka_unit_test(no_wake_up_is_lost),
		cmocka_unit_test(counts_of_wakes),
		cmocka_unit_test(notified_entries),
		cmocka_unit_test(mutexes_exclude),
		cmocka_unit_test(conditions),
		cmocka_unit_test(semaphores),
		cmocka_unit_test(slices_end),
		cmocka_unit_test(wake_ups_preempt),
		cmocka_unit_test(the_dead_are_freed),
		cmocka_unit_test(stacks),
	};

	srand(6);
	host_idle = idle_once;
	host_hardware_ns = NS_PER_SEC;
	sched_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
