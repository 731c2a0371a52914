/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The CPU on the host. */

#include <stdio.h>
#include <stdlib.h>
#include <arch/cpu.h>

struct cpu host_cpu = { .self = &host_cpu };
bool host_random_works = true;
uint64_t host_hardware_ns;
uint64_t host_timer_programmed;

bool arch_random(uint64_t *out)
{
	static uint64_t state = 1;

	if (!host_random_works)
		return false;
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	*out = state;
	return true;
}

uint64_t arch_cycles(void)
{
	static uint64_t cycles;

	return cycles += 1000;
}

uint64_t arch_clock_ns(void)
{
	return host_hardware_ns;
}

int64_t arch_wall_clock_ns(void)
{
	return INT64_C(1700000000) * 1000000000 + (int64_t)host_hardware_ns;
}

void arch_timer_program(uint64_t deadline_ns)
{
	host_timer_programmed = deadline_ns;
}

void arch_exit(int code)
{
	exit(code);
}

void arch_reboot(void)
{
	exit(0);
}
