/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Clocks and sleeping. */

#include <errno.h>
#include <sys/time.h>
#include <sys/times.h>
#include <posix/calls.h>
#include <posix/pointer.h>
#include <posix/posix_thread.h>
#include <posix/signal.h>
#include <posix/timespec.h>

#define TICKS_PER_SEC 100 /* of times(); sysconf(_SC_CLK_TCK) in musl */

/* CPU time is not accounted, so its clocks are unknown ones. */
static int clock_read(clockid_t clock, uint64_t *ns)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE: {
		int64_t now = clock_realtime_ns();

		*ns = now > 0 ? (uint64_t)now : 0;
		return 0;
	}
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		*ns = clock_ns();
		return 0;
	}
	return -EINVAL;
}

long sys_clock_gettime(clockid_t clock, struct timespec *out)
{
	uint64_t ns;
	int error = clock_read(clock, &ns);

	if (error)
		return error;
	if (pointer_is_bad(out))
		return -EFAULT;
	*out = timespec_of_ns(ns);
	return 0;
}

long sys_clock_settime(clockid_t clock, const struct timespec *time)
{
	if (clock != CLOCK_REALTIME)
		return -EINVAL;
	if (pointer_is_bad(time))
		return -EFAULT;
	if (!timespec_valid(time) || timespec_ns(time) > INT64_MAX)
		return -EINVAL;
	clock_set_realtime_ns((int64_t)timespec_ns(time));
	return 0;
}

long sys_clock_getres(clockid_t clock, struct timespec *out)
{
	uint64_t ns;
	int error = clock_read(clock, &ns);

	if (error || !out)
		return error;
	if (pointer_is_bad(out))
		return -EFAULT;
	*out = timespec_of_ns(1);
	return 0;
}

long sys_gettimeofday(struct timeval *out, void *zone)
{
	uint64_t ns;

	if (zone)
		*(struct timezone *)zone = (struct timezone){ 0 };
	if (!out)
		return 0;
	if (pointer_is_bad(out))
		return -EFAULT;
	clock_read(CLOCK_REALTIME, &ns);
	out->tv_sec = (time_t)(ns / NS_PER_SEC);
	out->tv_usec = (suseconds_t)(ns % NS_PER_SEC / NS_PER_US);
	return 0;
}

long sys_settimeofday(const struct timeval *time, const void *zone)
{
	struct timespec spec;

	(void)zone;
	if (!time)
		return 0;
	if (pointer_is_bad(time))
		return -EFAULT;
	spec.tv_sec = time->tv_sec;
	spec.tv_nsec = (unsigned long)time->tv_usec < 1000000 ? time->tv_usec * 1000 : -1;
	return sys_clock_settime(CLOCK_REALTIME, &spec);
}

long sys_time(time_t *out)
{
	uint64_t ns;

	clock_read(CLOCK_REALTIME, &ns);
	if (out)
		*out = (time_t)(ns / NS_PER_SEC);
	return (long)(ns / NS_PER_SEC);
}

/* Until the deadline, or until a signal comes: then -EINTR. */
static long sleep_until(uint64_t deadline_ns)
{
	struct posix_thread *self = posix_self();
	bool interrupted = false;
	struct wait entry;

	if (!self) {
		thread_sleep_until(deadline_ns);
		return 0;
	}
	wait_begin(&self->wakeup, &entry);
	while (!(interrupted = signal_pending()) && clock_ns() < deadline_ns)
		wait_sleep(&entry, deadline_ns);
	wait_end(&entry);
	return interrupted ? -EINTR : 0;
}

static long sleep_for(const struct timespec *interval, struct timespec *rest)
{
	uint64_t deadline_ns = deadline_after(interval), now;
	long result = sleep_until(deadline_ns);

	if (result && rest) {
		now = clock_ns();
		*rest = timespec_of_ns(deadline_ns > now ? deadline_ns - now : 0);
	}
	return result;
}

long sys_nanosleep(const struct timespec *interval, struct timespec *rest)
{
	if (pointer_is_bad(interval) || (rest && pointer_is_bad(rest)))
		return -EFAULT;
	if (!timespec_valid(interval))
		return -EINVAL;
	return sleep_for(interval, rest);
}

long sys_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
			 struct timespec *rest)
{
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC &&
	    clock != CLOCK_BOOTTIME)
		return -EINVAL;
	if (!(flags & TIMER_ABSTIME))
		return sys_nanosleep(time, rest);
	if (pointer_is_bad(time))
		return -EFAULT;
	if (!timespec_valid(time))
		return -EINVAL;
	return sleep_until(deadline_at(time, clock));
}

long sys_times(struct tms *out)
{
	if (out) {
		if (pointer_is_bad(out))
			return -EFAULT;
		*out = (struct tms){ 0 }; /* CPU time is not accounted */
	}
	return (long)(clock_ns() / (NS_PER_SEC / TICKS_PER_SEC));
}
