/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: kernel/irq.c tests/unit/host/interrupt.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c */

#include <unit.h>
#include <errno.h>
#include <arch/interrupt.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include "host/host.h"

static bool claim(void *context)
{
	(*(unsigned *)context)++;
	return true;
}

static bool ignore(void *context)
{
	(*(unsigned *)context)++;
	return false;
}

static void messages(void **state)
{
	static struct irq_handler handlers[ARCH_VECTOR_LAST - ARCH_VECTOR_FIRST + 2];
	unsigned calls[array_count(handlers)] = { 0 };
	struct msi_message message[array_count(handlers)];
	unsigned last = array_count(handlers) - 1;

	(void)state;
	for (unsigned i = 0; i < last; i++) {
		handlers[i] = (struct irq_handler){ .handle = claim,
						    .context = &calls[i] };
		assert_int_equal(irq_msi_attach(&handlers[i], &message[i]), 0);
		assert_in_range(message[i].data, ARCH_VECTOR_FIRST, ARCH_VECTOR_LAST);
	}
	assert_int_equal(irq_msi_attach(&handlers[last], &message[last]), -ENOSPC);
	assert_int_equal(irq_line_attach(3, &handlers[last]), -ENOSPC);
	for (unsigned i = 0; i < last; i++)
		irq_dispatch(message[i].data);
	for (unsigned i = 0; i < last; i++) {
		assert_int_equal(calls[i], 1);
		assert_int_equal(handlers[i].count, 1);
		irq_detach(&handlers[i]);
	}
	irq_dispatch(message[0].data); /* late: ignored */
	assert_int_equal(calls[0], 1);
	irq_detach(&handlers[0]); /* not attached: ignored */
	irq_dispatch(0);
	irq_dispatch(255);
	irq_dispatch(100000);
}

static void shared_line(void **state)
{
	unsigned calls[3] = { 0 };
	struct irq_handler a = { .handle = ignore, .context = &calls[0] };
	struct irq_handler b = { .handle = claim, .context = &calls[1] };
	struct irq_handler c = { .handle = ignore, .context = &calls[2] };
	unsigned vector;

	(void)state;
	assert_int_equal(irq_line_attach(HOST_LINES, &a), -ENODEV);
	assert_int_equal(irq_line_attach(11, &a), 0);
	assert_int_equal(irq_line_attach(11, &b), 0);
	assert_int_equal(irq_line_attach(11, &c), 0);
	vector = host_lines[11].vector;
	for (unsigned i = 0; i < 5000; i++)
		irq_dispatch(vector);
	assert_false(host_lines[11].masked); /* one of them claims */
	assert_int_equal(calls[0], 5000);
	assert_int_equal(b.count, 5000);
	assert_int_equal(a.count, 0);
	irq_detach(&b);
	irq_detach(&c);
	assert_false(host_lines[11].masked);
	irq_detach(&a);
	assert_true(host_lines[11].masked);
	assert_int_equal(irq_line_attach(11, &b), 0);
	assert_false(host_lines[11].masked);
	irq_detach(&b);
}

static void storm_is_masked(void **state)
{
	unsigned calls = 0, warnings = host_log_counts[LOG_WARN];
	struct irq_handler a = { .handle = ignore, .context = &calls };
	struct irq_handler b = { .handle = claim, .context = &calls };

	(void)state;
	assert_int_equal(irq_line_attach(5, &a), 0);
	for (unsigned i = 0; i < 999; i++)
		irq_dispatch(host_lines[5].vector);
	assert_false(host_lines[5].masked);
	irq_dispatch(host_lines[5].vector);
	assert_true(host_lines[5].masked);
	assert_int_equal(host_log_counts[LOG_WARN], warnings + 1);
	assert_int_equal(irq_line_attach(5, &b), 0); /* someone who may claim it */
	assert_false(host_lines[5].masked);
	irq_detach(&a);
	irq_detach(&b);
}

static struct irq_handler once;
static unsigned once_calls;

static bool detach_itself(void *context)
{
	(void)context;
	once_calls++;
	irq_detach(&once);
	return true;
}

static void handler_may_detach_itself(void **state)
{
	struct msi_message message;

	(void)state;
	once.handle = detach_itself;
	assert_int_equal(irq_msi_attach(&once, &message), 0);
	host_cpu.interrupt_depth++;
	irq_dispatch(message.data);
	irq_dispatch(message.data);
	host_cpu.interrupt_depth--;
	assert_int_equal(once_calls, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(shared_line),
		cmocka_unit_test(storm_is_masked),
		cmocka_unit_test(handler_may_detach_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
