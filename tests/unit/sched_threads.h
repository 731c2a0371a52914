/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Threads over contexts of the host, for the tests of the scheduler and of what threads wait
 * by. Time passes, and interrupts come, only when all threads sleep or where a test says so.
 * Included by one file of each program. */

#ifndef SCHED_THREADS_H
#define SCHED_THREADS_H

#include <unit.h>
#include <stdio.h>
#include <stdlib.h>
#include <arch/mmu.h>
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

static inline void clock_passes(uint64_t ns)
{
	host_hardware_ns += ns;
	host_cpu.interrupt_depth++;
	timer_interrupt();
	host_cpu.interrupt_depth--;
	sched_interrupt_exit();
}

static inline void idle_once(void)
{
	assert_true(host_irqs_off);
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

/* Threads that spawn() started and that have not ended. */
static unsigned alive;

static inline void gone(struct thread *self)
{
	(void)self;
	alive--;
}

static inline struct thread *spawn(const char *name, void (*entry)(void *),
				   void *argument)
{
	struct thread *thread = thread_prepare(name, entry, argument, malloc(STACK_BYTES),
					       STACK_BYTES, NULL);

	assert_non_null(thread);
	thread->on_exit = gone;
	alive++;
	thread_start(thread);
	return thread;
}

static inline void join_all(void)
{
	while (alive)
		thread_sleep_until(clock_ns() + NS_PER_MS);
	assert_false(host_irqs_off);
	assert_int_equal(host_cpu.preempt_count, 0);
}

/* A timer interrupt in mid-flight after which the running thread's slice is over. */
static inline void preempt(void)
{
	unsigned long flags = arch_irq_save();

	host_cpu.need_resched = true;
	sched_interrupt_exit();
	arch_irq_restore(flags);
}

static inline void sometimes_preempt(void)
{
	if (rand() % 3 == 0)
		preempt();
}

/* Runs the tests with the scheduler. */
#define run_with_threads(tests)                                                        \
	(srand(6), host_idle = idle_once, host_hardware_ns = NS_PER_SEC, sched_init(), \
	 cmocka_run_group_tests(tests, NULL, NULL))

#endif
