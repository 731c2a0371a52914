/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: kernel/sched.c kernel/wait.c kernel/thread.c kernel/stack.c kernel/sync.c
 *	kernel/time.c tests/unit/host/switch.c tests/unit/host/cpu.c tests/unit/host/mmu.c
 *	tests/unit/host/heap.c tests/unit/host/page.c tests/unit/host/panic.c */

/* The scheduler: turns, sleeps, slices, the dead, and stacks. */

#include <kernel/stack.h>
#include "sched_threads.h"

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
		cmocka_unit_test(round_robin),	      cmocka_unit_test(sleeping),
		cmocka_unit_test(slices_end),	      cmocka_unit_test(wake_ups_preempt),
		cmocka_unit_test(the_dead_are_freed), cmocka_unit_test(stacks),
	};

	return run_with_threads(tests);
}
