/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Traps: what the entry code (entry.S) leaves on the stack, and the vectors. */

#ifndef ARCH_TRAP_H
#define ARCH_TRAP_H

#include <stdint.h>

enum vector {
	VECTOR_DEBUG = 1,
	VECTOR_NMI = 2,
	VECTOR_BREAKPOINT = 3,
	VECTOR_DOUBLE_FAULT = 8,
	VECTOR_GENERAL_PROTECTION = 13,
	VECTOR_PAGE_FAULT = 14,
	VECTOR_CLOCK = 239,
	VECTOR_SPURIOUS = 255,
};

/* Stacks of their own (interrupt stack table slots): the interrupted stack may be full,
 * and must be left alone where it has a red zone. */
enum interrupt_stack {
	STACK_INTERRUPT = 1, /* only until the frame is moved to the interrupted stack */
	STACK_PAGE_FAULT = 2,
	STACK_FATAL = 3,
};

struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss; /* by the CPU */
};

/* From entry.S. */
void trap_entry(struct trap_frame *frame);
void interrupt_entry(unsigned vector);

void trap_init(void);

/* Local APIC (apic.c), for the clock. */
void apic_timer_start(uint32_t count); /* 0 stops it */
uint32_t apic_timer_count(void);       /* what is left */
void clock_interrupt(void);

#endif
