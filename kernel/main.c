/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Boot, in order: a table of contents. */

#include <arch/boot.h>
#include <arch/cpu.h>
#include <kernel/acpi.h>
#include <kernel/boot_info.h>
#include <kernel/cmdline.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/memory.h>
#include <kernel/page.h>
#include <kernel/panic.h>
#include <kernel/thread.h>

/* Reserved, and committed as it is touched: what a C program expects to have. */
#define MAIN_STACK_BYTES (8ul << 20)

LINKSET_DECLARE(init_calls, const struct init_call);

static void run_init_calls(void)
{
	for (enum init_stage stage = INIT_BUS; stage <= INIT_LATE; stage++)
		LINKSET_EACH(init_calls, call)
	if ((*call)->stage == stage)
		(*call)->run();
}

static void main_thread(void *unused)
{
	(void)unused;
	run_init_calls();	  /* buses, drivers, services, file tree */
	cmdline_report_unknown(); /* only now is all of it asked for */
	application_start();
}

/* From boot/, on the boot stack, with boot_info filled in and interrupts off. */
__attribute__((no_stack_protector)) _Noreturn void kernel_main(void)
{
	struct page_stats memory;
	struct thread *application;

	stack_guard_init();		       /* no protected function is under way */
	sched_init();			       /* this context is a thread */
	arch_serial_init();		       /* from here on a death is readable */
	memory_init();			       /* boot map → page allocator */
	arch_protect_image();		       /* W^X, lower half emptied */
	cmdline_parse(boot_info.command_line); /* key=value … -- arguments */
	page_stats(&memory);
	log_info("ferrule: booted by %s, %lu KiB of memory", boot_info.door,
		 memory.total_bytes / 1024);
	acpi_init(boot_info.rsdp); /* static tables */
	arch_interrupts_init();	   /* local and I/O APICs */
	arch_clock_init();	   /* clock source and clock event */
	application = thread_prepare("main", main_thread, NULL, NULL, MAIN_STACK_BYTES,
				     NULL);
	if (!application)
		panic_with(EXIT_CODE_BOOT, "no memory for the main thread");
	thread_start(application);
	thread_exit(); /* the boot thread has done its work */
}
