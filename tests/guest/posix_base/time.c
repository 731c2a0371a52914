/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

static int64_t ns_of(struct timespec time)
{
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int64_t now(clockid_t clock)
{
	struct timespec time = { 0 };

	clock_gettime(clock, &time);
	return ns_of(time);
}

void test_time(void)
{
	struct timespec ms = { 0, 1000000 }, bad = { 0, 1000000000 }, at, resolution;
	struct timeval day;
	int64_t before, last, elapsed;
	bool steady = true;

	last = before = now(CLOCK_MONOTONIC);
	for (int i = 0; i < 10000; i++) {
		int64_t next = now(CLOCK_MONOTONIC);

		steady = steady && next >= last;
		last = next;
	}
	check(steady && last > before, "CLOCK_MONOTONIC never goes back");
	check(now(CLOCK_REALTIME) > INT64_C(1600000000) * 1000000000,
	      "the year is plausible");
	check(time(NULL) - now(CLOCK_REALTIME) / 1000000000 <= 0 &&
		      now(CLOCK_REALTIME) / 1000000000 - time(NULL) <= 1,
	      "time() and CLOCK_REALTIME agree");
	check(gettimeofday(&day, NULL) == 0 && day.tv_usec < 1000000, "gettimeofday");
	check(clock_getres(CLOCK_MONOTONIC, &resolution) == 0 &&
		      ns_of(resolution) < 1000000,
	      "clock_getres");
	check(clock_gettime(99, &at) == -1 && errno == EINVAL,
	      "an unknown clock is EINVAL");
	before = now(CLOCK_MONOTONIC);
	check(nanosleep(&ms, NULL) == 0, "nanosleep");
	elapsed = now(CLOCK_MONOTONIC) - before;
	check(elapsed >= 1000000 && elapsed < 1000000000,
	      "nanosleep sleeps as long as asked");
	check(nanosleep(&bad, NULL) == -1 && errno == EINVAL,
	      "nanosleep of a bad time is EINVAL");
	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_nsec += 2000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	check(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == 0 &&
		      now(CLOCK_MONOTONIC) >= ns_of(at),
	      "clock_nanosleep until a point in time");
	before = now(CLOCK_MONOTONIC);
	check(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &(struct timespec){ 1, 0 },
			      NULL) == 0 &&
		      now(CLOCK_MONOTONIC) - before < 1000000000,
	      "a past point in time does not wait");
}
