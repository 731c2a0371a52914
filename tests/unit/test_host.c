/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/host/heap.c tests/unit/host/page.c tests/unit/host/time.c
 *	tests/unit/host/irq.c tests/unit/host/cpu.c tests/unit/host/log.c
 *	tests/unit/host/thread.c tests/unit/host/io.c tests/unit/host/mmu.c
 *	tests/unit/host/switch.c tests/unit/host/interrupt.c tests/unit/host/panic.c */

/* The host's stand-ins for kernel services keep the contracts that tests lean on. */

#include <unit.h>
#include <errno.h>
#include <kernel/heap.h>
#include <kernel/irq.h>
#include <kernel/page.h>
#include <kernel/time.h>
#include "host/host.h"

static void pages_below_a_limit(void **state)
{
	uint64_t low = page_alloc_below(2, UINT64_C(1) << 32);

	(void)state;
	assert_true(low && low + 4 * PAGE_BYTES <= UINT64_C(1) << 32);
	assert_int_equal(low % (4 * PAGE_BYTES), 0);
	page_free(low, 2);
	assert_int_equal(host_page_live, 0);
}

static void memory_runs_out(void **state)
{
	void *memory;

	(void)state;
	host_heap_budget = 1;
	memory = kmalloc(64);
	assert_non_null(memory);
	assert_int_equal((uintptr_t)memory % 64, 0);
	assert_null(kmalloc(1));
	host_heap_budget = -1;
	kfree(memory);
	assert_int_equal(host_heap_live, 0);
}

static void count_expiry(struct timer *timer)
{
	timer->deadline_ns = 0;
}

static void timers_expire_when_time_passes(void **state)
{
	struct timer timer = { .expired = count_expiry };

	(void)state;
	timer_arm(&timer, clock_ns() + 10);
	host_clock_advance(9);
	assert_true(timer.armed);
	host_clock_advance(1);
	assert_false(timer.armed);
	assert_int_equal(timer.deadline_ns, 0);
}

static bool claim(void *context)
{
	int *left = context;

	return *left && (*left)--;
}

static void lines_and_messages_reach_handlers(void **state)
{
	int left = 2;
	struct irq_handler handler = { .handle = claim, .context = &left };
	struct msi_message message;

	(void)state;
	assert_int_equal(irq_line_attach(11, &handler), 0);
	assert_true(host_irq_line(11));
	assert_int_equal(handler.count, 2);
	irq_detach(&handler);
	left = 1;
	assert_int_equal(irq_msi_attach(&handler, &message), 0);
	assert_true(host_irq_message(message.address, message.data));
	irq_detach(&handler);
	assert_false(host_irq_message(message.address, message.data));
	assert_int_equal(host_irq_attached(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_below_a_limit),
		cmocka_unit_test(memory_runs_out),
		cmocka_unit_test(timers_expire_when_time_passes),
		cmocka_unit_test(lines_and_messages_reach_handlers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
