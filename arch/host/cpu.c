/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The CPU as far as a process has one: clocks, randomness, contexts, the end. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <arch/cpu.h>
#include <arch/thread.h>
#include <kernel/panic.h>
#include <kernel/time.h>

struct cpu host_cpu = { .self = &host_cpu };

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

uint64_t arch_clock_ns(void)
{
	static uint64_t began_ns;

	if (!began_ns)
		began_ns = now_ns(CLOCK_MONOTONIC) - 1;
	return now_ns(CLOCK_MONOTONIC) - began_ns;
}

int64_t arch_wall_clock_ns(void)
{
	return (int64_t)now_ns(CLOCK_REALTIME);
}

uint64_t arch_cycles(void)
{
	return now_ns(CLOCK_MONOTONIC);
}

bool arch_random(uint64_t *out)
{
	return getrandom(out, sizeof(*out), GRND_NONBLOCK) == (ssize_t)sizeof(*out);
}

void arch_exit(int code)
{
	if (panic_active) {
		fflush(NULL);
		abort();
	}
	exit(code);
}

void arch_reboot(void)
{
	exit(0);
}

size_t arch_fpu_bytes(void)
{
	return 1;
}

void arch_fpu_save(struct arch_thread *self)
{
	(void)self;
}

void arch_fpu_restore(struct arch_thread *self)
{
	(void)self;
}
