/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include "count.h"

#define TRAP_FLAG   0x100
#define FAULT_WRITE 2 /* of a page fault's error code */
#define LINE	    64
#define LINES_MAX   4096

static volatile uint64_t steps;
static uint64_t overhead; /* of begin and end */
static char *watched;
static size_t watched_bytes;
static bool lines_read[LINES_MAX], lines_written[LINES_MAX];
static volatile bool stepping; /* over an access to what is watched */

static void on_step(int signal, siginfo_t *info, void *context)
{
	ucontext_t *at = context;

	(void)signal;
	(void)info;
	if (!stepping) {
		steps++;
		return;
	}
	stepping = false;
	at->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	if (watched)
		mprotect(watched, watched_bytes, PROT_NONE);
}

/* The access is let through, and the memory taken away again after it. */
static void on_fault(int signal, siginfo_t *info, void *context)
{
	ucontext_t *at = context;
	size_t offset = (size_t)((char *)info->si_addr - watched);
	bool *lines = at->uc_mcontext.gregs[REG_ERR] & FAULT_WRITE ? lines_written
								   : lines_read;

	(void)signal;
	if (!watched || offset >= watched_bytes)
		abort();
	lines[offset / LINE] = true;
	stepping = true;
	mprotect(watched, watched_bytes, PROT_READ | PROT_WRITE);
	at->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static __attribute__((noinline)) void trap_flag(bool on)
{
	if (on)
		__asm__ volatile("pushfq; orq %0, (%%rsp); popfq"
				 :
				 : "i"(TRAP_FLAG)
				 : "memory", "cc");
	else
		__asm__ volatile("pushfq; andq %0, (%%rsp); popfq"
				 :
				 : "i"(~TRAP_FLAG)
				 : "memory", "cc");
}

__attribute__((noinline)) void count_instructions_begin(void)
{
	steps = 0;
	trap_flag(true);
}

__attribute__((noinline)) uint64_t count_instructions_end(void)
{
	trap_flag(false);
	return steps - overhead;
}

void count_lines_begin(void *memory, size_t bytes)
{
	if (bytes > LINES_MAX * LINE)
		abort();
	memset(lines_read, 0, sizeof(lines_read));
	memset(lines_written, 0, sizeof(lines_written));
	watched = memory;
	watched_bytes = bytes;
	mprotect(memory, bytes, PROT_NONE);
}

void count_lines_end(uint64_t *read, uint64_t *written)
{
	mprotect(watched, watched_bytes, PROT_READ | PROT_WRITE);
	watched = NULL;
	for (size_t i = 0; i < LINES_MAX; i++) {
		*read += lines_read[i];
		*written += lines_written[i];
	}
}

void count_init(void)
{
	struct sigaction step = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };
	struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	sigaction(SIGTRAP, &step, NULL);
	sigaction(SIGSEGV, &fault, NULL);
	overhead = 0;
	count_instructions_begin();
	overhead = count_instructions_end();
}
