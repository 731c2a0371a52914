/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Per-CPU state, identification, entropy, clocks: what generic code asks of the CPU. */

#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <stdbool.h>
#include <stdint.h>

struct thread;

/* One per CPU; the GS base points at it. Only its own CPU touches it. */
struct cpu {
	struct cpu *self;
	struct thread *current;
	struct thread *idle;	/* on whose stack it waits for work; NULL: it has some */
	unsigned preempt_count; /* > 0: do not switch threads in interrupt exit */
	bool need_resched;	/* a switch is due at interrupt exit or preempt_enable */
	unsigned interrupt_depth; /* > 0: in interrupt context */
	unsigned id;
};

static inline struct cpu *this_cpu(void)
{
	struct cpu *cpu;

	__asm__ volatile("movq %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

/* The running thread. One instruction, so that moving to another CPU cannot tear it. */
static inline struct thread *arch_current(void)
{
	struct thread *thread;

	__asm__ volatile("movq %%gs:%c1, %0"
			 : "=r"(thread)
			 : "i"(__builtin_offsetof(struct cpu, current)));
	return thread;
}

/* Hardware random number into *out; false when there is none (no RDRAND, or it failed). */
bool arch_random(uint64_t *out);

/* A counter that runs fast, for mixing and statistics (the TSC). */
static inline uint64_t arch_cycles(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* Clock source and clock event (arch/…/clock.c), for kernel/time.c. */
uint64_t arch_clock_ns(void);	  /* since boot, monotonic */
int64_t arch_wall_clock_ns(void); /* battery clock or paravirtual one, at call */
void arch_timer_program(uint64_t deadline_ns); /* one interrupt then; NO_DEADLINE: none */

/* Ends (arch/…/power.c). arch_exit tries isa-debug-exit, then ACPI S5, then halts. */
_Noreturn void arch_exit(int code);
_Noreturn void arch_reboot(void);

#endif
