/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Per-CPU state and the machine's clocks on the host (tests/unit/host/cpu.c). */

#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <stdbool.h>
#include <stdint.h>

struct thread;

struct cpu {
	struct cpu *self;
	struct thread *current;
	struct thread *idle;
	unsigned preempt_count;
	bool need_resched;
	unsigned interrupt_depth;
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

extern bool host_random_works; /* arch_random() fails while false */
bool arch_random(uint64_t *out);
uint64_t arch_cycles(void);

/* The hardware clock under kernel/time.c; tests set it. */
extern uint64_t host_hardware_ns;
extern uint64_t host_timer_programmed; /* the last deadline asked for */
uint64_t arch_clock_ns(void);
int64_t arch_wall_clock_ns(void);
void arch_timer_program(uint64_t deadline_ns);

_Noreturn void arch_exit(int code);
_Noreturn void arch_reboot(void);

#endif
