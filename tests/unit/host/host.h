/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The kernel's services on the host, and the knobs by which a test drives them. One file
 * a service, so that a test can link the real kernel file in place of any of them:
 *
 *	log.c     kernel/log.c       quiet unless FERRULE_TEST_LOG is set; counts
 *	heap.c    kernel/heap.c      over malloc; can be told to fail
 *	page.c    kernel/page.c      over aligned_alloc/mmap; can be told to fail
 *	time.c    kernel/time.c      a clock that stands still until a test moves it
 *	irq.c     kernel/irq.c       remembers handlers; tests raise them
 *	thread.c  kernel/thread.c    one thread; sleeping runs the world's hook
 *	panic.c   kernel/panic.c     prints and aborts
 *	cmdline.c kernel/cmdline.c   a table of keys and values
 *	io.c mmu.c cpu.c switch.c interrupt.c    what <arch/…> declares */

#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <arch/cpu.h>
#include <arch/io.h>
#include <arch/irqflags.h>

/* log.c */
extern unsigned host_log_counts[4]; /* by enum log_level */
extern char host_log_last[256];
extern void (*host_log_hook)(void); /* called for each line; NULL: nothing is */

/* heap.c: the next `n` allocations succeed, then all fail; -1: none fails. */
extern long host_heap_budget;
extern long host_heap_live; /* allocations not freed */

/* page.c, in the same way. */
extern long host_page_budget;
extern long host_page_live; /* blocks not freed */

/* time.c */
extern uint64_t host_clock_ns;
extern uint64_t host_clock_step_ns;   /* added at each clock_ns(): bounded waits end */
void host_clock_advance(uint64_t ns); /* expires timers that fall due */
void host_clock_to(uint64_t ns);      /* the same, never backwards */
uint64_t host_timer_next(void);	      /* the earliest deadline, UINT64_MAX: none */

/* irq.c */
struct irq_handler;
extern unsigned host_irq_vectors; /* vectors left to give; attach fails at 0 */
unsigned host_irq_attached(void); /* handlers attached now */
bool host_irq_message(uint64_t address, uint32_t data); /* a device's MSI write */
bool host_irq_line(unsigned gsi); /* level: until nobody claims; true if any did */
extern bool host_irq_storms;	  /* a line that never goes quiet is no failure */

/* cmdline.c: key and value of each option, up to the first NULL key. */
extern const char *host_cmdline[8][2];

/* thread.c: what else happens while the only thread sleeps. Returns false when nothing
 * can happen any more: a sleep without deadline then fails the test. */
extern bool (*host_world)(void);
struct thread;
/* Threads created by the code under test do not run by themselves: this calls the entry
 * functions of those not yet run, to their end; returns how many. */
unsigned host_threads_run(void);
void host_threads_forget(void); /* those not yet run never will */

#endif
