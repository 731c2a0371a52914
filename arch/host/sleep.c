/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The C library's ways to sleep, which would stop all threads of the kernel and its
 * interrupts: the application gets these instead. */

#include <errno.h>
#include <time.h>
#include <unistd.h>
#include <kernel/thread.h>
#include <kernel/time.h>

int usleep(useconds_t us)
{
	thread_sleep_until(clock_ns() + us * NS_PER_US);
	return 0;
}

unsigned sleep(unsigned seconds)
{
	thread_sleep_until(clock_ns() + seconds * NS_PER_SEC);
	return 0;
}

int nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)left; /* nothing interrupts it */
	if (time->tv_sec < 0 || time->tv_nsec < 0 || time->tv_nsec >= (long)NS_PER_SEC) {
		errno = EINVAL;
		return -1;
	}
	thread_sleep_until(clock_ns() + (uint64_t)time->tv_sec * NS_PER_SEC +
			   (uint64_t)time->tv_nsec);
	return 0;
}
