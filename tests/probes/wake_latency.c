/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Threads that compute do not keep one waiting that sleeps and is woken: it has the CPU
 * within a few milliseconds of its time, mostly. Each cycle counts, so the median decides.
 *
 * expect: ^in time$
 * machine: -icount shift=2
 * status: 0
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NAPS	40
#define NAP_NS	7000000
#define LATE_NS 5000000

static volatile int done;

static void *compute(void *unused)
{
	while (!done)
		;
	return unused;
}

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	long long left = *(const long long *)a, right = *(const long long *)b;

	return (left > right) - (left < right);
}

int main(void)
{
	const struct timespec nap = { .tv_nsec = NAP_NS };
	long long late[NAPS];
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, compute, NULL))
			return 1;
	for (int i = 0; i < NAPS; i++) {
		long long start = now_ns();

		nanosleep(&nap, NULL);
		late[i] = now_ns() - start - NAP_NS;
	}
	done = 1;
	qsort(late, NAPS, sizeof(*late), compare);
	printf("late by %lld us, at most %lld us\n", late[NAPS / 2] / 1000,
	       late[NAPS - 1] / 1000);
	puts(late[NAPS / 2] < LATE_NS ? "in time" : "too late");
	return 0;
}
