/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: kernel/time.c tests/unit/host/cpu.c */

#include <unit.h>
#include <stdlib.h>
#include <kernel/thread.h>
#include <kernel/time.h>

extern uint64_t host_hardware_ns, host_timer_programmed;

#define TIMERS 500

static struct item {
	struct timer timer;
	uint64_t deadline_ns; /* 0: not armed */
} items[TIMERS];
static uint64_t last_deadline_ns;
static unsigned expired_count;

static void expired(struct timer *timer)
{
	struct item *item = (struct item *)timer;

	assert_false(timer->armed);
	assert_true(item->deadline_ns != 0);
	assert_true(item->deadline_ns <= host_hardware_ns);
	assert_true(item->deadline_ns >= last_deadline_ns); /* in order */
	last_deadline_ns = item->deadline_ns;
	item->deadline_ns = 0;
	expired_count++;
}

static uint64_t earliest(void)
{
	uint64_t found = NO_DEADLINE;

	for (unsigned i = 0; i < TIMERS; i++)
		if (items[i].deadline_ns && items[i].deadline_ns < found)
			found = items[i].deadline_ns;
	return found;
}

static void against_a_model(void **state)
{
	(void)state;
	srand(5);
	for (unsigned i = 0; i < TIMERS; i++)
		items[i].timer.expired = expired;
	for (unsigned step = 0; step < 200000; step++) {
		struct item *item = &items[rand() % TIMERS];

		switch (rand() % 8) {
		case 0:
			assert_int_equal(timer_cancel(&item->timer),
					 item->deadline_ns != 0);
			assert_false(item->timer.armed);
			item->deadline_ns = 0;
			break;
		case 1:
			host_hardware_ns += (unsigned)rand() % 300;
			last_deadline_ns = 0;
			timer_interrupt();
			assert_true(earliest() > host_hardware_ns);
			assert_int_equal(host_timer_programmed, earliest());
			break;
		default:
			item->deadline_ns = host_hardware_ns + 1 +
					    (unsigned)rand() % 5000;
			timer_arm(&item->timer, item->deadline_ns);
			assert_true(item->timer.armed);
		}
		/* An interrupt comes in time for the earliest. */
		assert_true(host_timer_programmed <= earliest());
	}
	assert_true(expired_count > 1000);
	host_hardware_ns += 10000;
	last_deadline_ns = 0;
	timer_interrupt();
	assert_int_equal(earliest(), NO_DEADLINE);
	assert_int_equal(host_timer_programmed, NO_DEADLINE);
}

static unsigned again_count;

static void again(struct timer *timer)
{
	again_count++;
	timer_arm(timer, 0); /* long past */
}

static void rearming_does_not_hold_the_interrupt(void **state)
{
	struct timer timer = { .expired = again };

	(void)state;
	timer_arm(&timer, 1);
	timer_interrupt();
	assert_int_equal(again_count, 1);
	assert_int_equal(host_timer_programmed, host_hardware_ns + 1);
	host_hardware_ns++;
	timer_interrupt();
	assert_int_equal(again_count, 2);
	assert_true(timer_cancel(&timer));
	host_hardware_ns += 5;
	timer_interrupt();
	assert_int_equal(again_count, 2);
}

static struct timer first, second;
static unsigned first_count, second_count;

static void first_expired(struct timer *timer)
{
	(void)timer;
	first_count++;
	timer_cancel(&second);
	assert_false(timer_cancel(&first));
}

static void second_expired(struct timer *timer)
{
	(void)timer;
	second_count++;
}

static void callbacks_may_cancel(void **state)
{
	(void)state;
	first.expired = first_expired;
	second.expired = second_expired;
	timer_arm(&first, host_hardware_ns + 10);
	timer_arm(&second, host_hardware_ns + 11);
	host_hardware_ns += 20;
	timer_interrupt();
	assert_int_equal(first_count, 1);
	assert_int_equal(second_count, 0);
}

static void clocks(void **state)
{
	int64_t start = clock_realtime_ns();

	(void)state;
	assert_int_equal(start,
			 INT64_C(1700000000) * 1000000000 + (int64_t)host_hardware_ns);
	host_hardware_ns += 1000;
	assert_int_equal(clock_realtime_ns(), start + 1000);
	assert_int_equal(clock_ns(), host_hardware_ns);
	clock_set_realtime_ns(5);
	host_hardware_ns += 7;
	assert_int_equal(clock_realtime_ns(), 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_a_model),
		cmocka_unit_test(rearming_does_not_hold_the_interrupt),
		cmocka_unit_test(callbacks_may_cancel),
		cmocka_unit_test(clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
