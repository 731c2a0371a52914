/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include "watch.h"

#define TRAP_FLAG   0x100
#define FAULT_WRITE 2 /* of a page fault's error code */
#define LINE	    64
#define BYTES_MAX   65536

static char *memory;
static size_t watched_bytes;
static const volatile char *left_out;
static size_t left_out_bytes;
static uint16_t reads[BYTES_MAX], writes[BYTES_MAX]; /* by where they began */
static struct sigaction step_before, fault_before;

static void on_step(int signal, siginfo_t *info, void *context)
{
	ucontext_t *at = context;

	(void)signal;
	(void)info;
	at->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	mprotect(memory, watched_bytes, PROT_NONE);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	ucontext_t *at = context;
	const char *address = info->si_addr;
	size_t offset = (size_t)(address - memory);

	if (offset >= watched_bytes) {
		sigaction(signal, &fault_before,
			  NULL); /* it comes again, and is theirs */
		return;
	}
	if ((size_t)(address - left_out) >= left_out_bytes) {
		if (at->uc_mcontext.gregs[REG_ERR] & FAULT_WRITE)
			writes[offset]++;
		else
			reads[offset]++;
	}
	mprotect(memory, watched_bytes, PROT_READ | PROT_WRITE);
	at->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void give_up(const char *why)
{
	fprintf(stderr, "watch: %s\n", why);
	abort();
}

void watch_begin(void *from, size_t bytes)
{
	struct sigaction step = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };
	struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	if (bytes > BYTES_MAX)
		give_up("more than can be watched");
	memory = from;
	watched_bytes = bytes;
	left_out = NULL;
	left_out_bytes = 0;
	memset(reads, 0, sizeof(reads));
	memset(writes, 0, sizeof(writes));
	sigaction(SIGTRAP, &step, &step_before);
	sigaction(SIGSEGV, &fault, &fault_before);
	if (mprotect(memory, bytes, PROT_NONE))
		give_up("that memory cannot be taken away");
}

void watch_not(const volatile void *from, size_t bytes)
{
	left_out = from;
	left_out_bytes = bytes;
}

struct watched watch_end(void)
{
	struct watched seen = { 0 };

	mprotect(memory, watched_bytes, PROT_READ | PROT_WRITE);
	sigaction(SIGTRAP, &step_before, NULL);
	sigaction(SIGSEGV, &fault_before, NULL);
	for (size_t line = 0; line < watched_bytes; line += LINE) {
		bool read = false, written = false;

		for (size_t i = line; i < line + LINE; i++) {
			read |= reads[i] != 0;
			written |= writes[i] != 0;
			if (reads[i] > seen.reads_most)
				seen.reads_most = reads[i];
			if (writes[i] > seen.writes_most)
				seen.writes_most = writes[i];
			seen.read_and_written += reads[i] && writes[i];
		}
		seen.lines_read += read;
		seen.lines_written += written;
	}
	return seen;
}
