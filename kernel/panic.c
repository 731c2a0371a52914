/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <arch/cpu.h>
#include <arch/irqflags.h>
#include <kernel/console.h>
#include <kernel/format.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/thread.h>
#include <stdarg.h>

#define LOG_LINES 16

LINKSET_DECLARE(panic_notes, const struct panic_note);

bool panic_active;
static enum exit_code exit_code = EXIT_CODE_PANIC;

static void print_args(const char *fmt, va_list args)
{
	char line[256];
	int length = format_args(line, sizeof(line), fmt, args);
	size_t fits = (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1;

	console_panic_write(line, fits);
}

void panic_print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_args(fmt, args);
	va_end(args);
}

/* Tells whose death it is: the thread and what it was doing when it was interrupted. */
static void print_thread(void)
{
	const struct cpu *cpu = this_cpu();
	const struct thread *thread = cpu->current;

	if (!thread)
		panic_print("  in: boot, before the first thread\n");
	else
		panic_print("  in: thread %d \"%.*s\"%s\n", thread->id, THREAD_NAME_BYTES,
			    thread->name,
			    cpu->interrupt_depth ? ", interrupted"
			    : cpu->idle		 ? ", idle"
						 : "");
}

void panic_begin(void)
{
	arch_irq_disable();
	if (__atomic_exchange_n(&panic_active, true, __ATOMIC_ACQ_REL)) {
		panic_print("panic: again, while it was reported\n");
		arch_exit(exit_code);
	}
	panic_print("\n");
}

void panic_end(enum exit_code code, uintptr_t pc, uintptr_t fp)
{
	exit_code = code;
	backtrace_print(pc, fp);
	panic_print("last log lines:\n");
	log_replay(LOG_LINES, console_panic_write);
	LINKSET_EACH(panic_notes, note)
	{
		(*note)->print();
	}
	arch_exit(code);
}

static void report(enum exit_code code, const char *fmt, va_list args)
{
	panic_begin();
	exit_code = code;
	panic_print("panic: ");
	print_args(fmt, args);
	panic_print("\n");
	print_thread();
}

/* Where the caller stands: inside its call, which may be its last instruction, and its
 * frame, which ours points at. */
#define CALLER_PC ((uintptr_t)__builtin_return_address(0) - 1)
#define CALLER_FP (*(uintptr_t *)__builtin_frame_address(0))

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(EXIT_CODE_PANIC, fmt, args);
	va_end(args);
	panic_end(EXIT_CODE_PANIC, CALLER_PC, CALLER_FP);
}

void panic_with(enum exit_code code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(code, fmt, args);
	va_end(args);
	panic_end(code, CALLER_PC, CALLER_FP);
}
