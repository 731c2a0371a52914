/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Per-CPU state and clocks of a machine that is a Linux process: one CPU, the process's
 * only thread as Linux sees it. */

#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <stdbool.h>
#include <stdint.h>

struct thread;

struct cpu {
	struct cpu *self;
	struct thread *current;
	struct thread *idle;	/* on whose stack it waits for work; NULL: it has some */
	unsigned preempt_count; /* > 0: do not switch threads in interrupt exit */
	bool need_resched;	/* a switch is due at interrupt exit or preempt_enable */
	unsigned interrupt_depth; /* > 0: in interrupt context */
	unsigned id;
};

extern struct cpu host_cpu;

static inline struct cpu *this_cpu(void)
{
	return &host_cpu;
}

static inline struct thread *arch_current(void)
{
	return host_cpu.current;
}

bool arch_random(uint64_t *out); /* getrandom(2) */

/* For mixing and statistics. */
uint64_t arch_cycles(void);

uint64_t arch_clock_ns(void);	  /* CLOCK_MONOTONIC, since the process began */
int64_t arch_wall_clock_ns(void); /* CLOCK_REALTIME */
void arch_timer_program(uint64_t deadline_ns);

/* The process ends with that status; by abort() when it is a panic. */
_Noreturn void arch_exit(int code);
_Noreturn void arch_reboot(void);

#endif
