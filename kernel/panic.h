/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* How the machine ends. Exit statuses reach the host through isa-debug-exit when QEMU
 * has one (`-device isa-debug-exit,iobase=0xf4,iosize=4`; QEMU then exits with
 * (code << 1) | 1), else by ACPI power-off, else the CPU halts for ever. */

#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include <stdbool.h>
#include <stdint.h>
#include <kernel/linkset.h>

enum exit_code {
	EXIT_CODE_APP_MAX =
		99, /* 0..99: the application's own status, larger ones are 99 */
	EXIT_CODE_BOOT = 119,	/* boot cannot go on: out of memory, wrong image */
	EXIT_CODE_PANIC = 120,	/* a broken invariant of the kernel */
	EXIT_CODE_TRAP = 121,	/* an exception nobody handles */
	EXIT_CODE_STACK = 122,	/* a stack overflowed into its guard page */
	EXIT_CODE_SMASH = 123,	/* the stack protector found a smashed stack */
	EXIT_CODE_SIGNAL = 124, /* the application died of a signal (abort()) */
};

/* Says why on every console, with backtrace and last log lines, and ends the machine. */
_Noreturn void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void panic_with(enum exit_code code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Orderly end: exit calls run, then the machine powers off with that status. */
_Noreturn void machine_exit(int status);
_Noreturn void machine_reboot(void);

/* The two halves of a panic, for the trap path, which prints registers in between. begin:
 * interrupts off, log to polled consoles; a panic within a panic ends the machine at once.
 * end: backtrace from pc and fp, last log lines, panic notes, then arch_exit(code). */
void panic_begin(void);
_Noreturn void panic_end(enum exit_code code, uintptr_t pc, uintptr_t fp);

/* True from panic_begin() on: locks may be held by code that will never go on. */
extern bool panic_active;

/* Makes the stack protector's guard unpredictable. Early boot, from a function that is
 * itself not protected. */
void stack_guard_init(void);

/* Something to print in a panic by whoever is linked in: ring state, open files. It must
 * not lock, allocate or follow pointers it cannot trust. */
struct panic_note {
	void (*print)(void);
};
#define PANIC_NOTE(function)                                                 \
	static const struct panic_note panic_note_##function = { function }; \
	LINKSET_ENTRY(panic_notes, panic_note_##function)

/* A printer that works in a panic: polled consoles only, no locks. */
void panic_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Prints the frame-pointer backtrace starting at frame pointer `fp`, with symbols. */
void backtrace_print(uintptr_t pc, uintptr_t fp);

#endif
