/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* struct timespec and nanoseconds of the kernel's clock. */

#ifndef POSIX_TIMESPEC_H
#define POSIX_TIMESPEC_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <kernel/thread.h>
#include <kernel/time.h>

static inline bool timespec_valid(const struct timespec *time)
{
	return time->tv_sec >= 0 && (unsigned long)time->tv_nsec < NS_PER_SEC;
}

/* A valid time in nanoseconds; those that 64 bits cannot hold are the largest one that
 * is still a deadline. */
static inline uint64_t timespec_ns(const struct timespec *time)
{
	if ((uint64_t)time->tv_sec >= (NO_DEADLINE - 1) / NS_PER_SEC)
		return NO_DEADLINE - 1;
	return (uint64_t)time->tv_sec * NS_PER_SEC + (uint64_t)time->tv_nsec;
}

static inline struct timespec timespec_of_ns(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / NS_PER_SEC),
				  .tv_nsec = (long)(ns % NS_PER_SEC) };
}

/* When `interval` from now has passed, by clock_ns(). */
static inline uint64_t deadline_after(const struct timespec *interval)
{
	uint64_t now = clock_ns(), ns = timespec_ns(interval);

	return ns >= NO_DEADLINE - 1 - now ? NO_DEADLINE - 1 : now + ns;
}

/* When `clock` shows `time`, by clock_ns(); a time that is past is now. */
static inline uint64_t deadline_at(const struct timespec *time, clockid_t clock)
{
	uint64_t ns = timespec_ns(time);
	int64_t now;

	if (clock != CLOCK_REALTIME)
		return ns;
	now = clock_realtime_ns();
	if (now > 0 && (uint64_t)now >= ns)
		return clock_ns();
	ns -= (uint64_t)now;
	return ns >= NO_DEADLINE - 1 - clock_ns() ? NO_DEADLINE - 1 : clock_ns() + ns;
}

#endif
