/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Memory, threads, the log, the clock. */

#include <kernel/console.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <string.h>
#include "commands.h"

static void run_mem(int count, char **words)
{
	struct page_stats pages;
	struct heap_stats heap;
	char total[16], used[16], unused[16], heap_used[16], heap_pages[16];

	(void)count;
	(void)words;
	page_stats(&pages);
	heap_stats(&heap);
	shell_print("%-12s %10s %10s %10s\n", "", "total", "used", "free");
	shell_print("%-12s %10s %10s %10s   %llu requests refused\n", "memory",
		    shell_size(pages.total_bytes, total),
		    shell_size(pages.total_bytes - pages.free_bytes, used),
		    shell_size(pages.free_bytes, unused),
		    (unsigned long long)pages.failures);
	shell_print("%-12s %10s %10s %10s\n", "kernel heap",
		    shell_size(heap.page_bytes, heap_pages),
		    shell_size(heap.used_bytes, heap_used),
		    shell_size(heap.page_bytes - heap.used_bytes, unused));
}

/* What is shown of a thread: copied out under the scheduler's lock. */
struct row {
	int id;
	char name[THREAD_NAME_BYTES];
	enum thread_state state;
	unsigned long long switches;
	size_t stack_bytes;
};

struct rows {
	struct row *all;
	unsigned count, room;
};

static void count_thread(const struct thread *thread, void *context)
{
	(void)thread;
	((struct rows *)context)->room++;
}

static void copy_thread(const struct thread *thread, void *context)
{
	struct rows *rows = context;
	struct row *row;

	if (rows->count == rows->room)
		return; /* it came since they were counted */
	row = &rows->all[rows->count++];
	row->id = thread->id;
	row->state = thread->state;
	row->switches = thread->switches;
	row->stack_bytes = thread->stack_bytes;
	memcpy(row->name, thread->name, sizeof(row->name));
	row->name[sizeof(row->name) - 1] = '\0';
}

static const char *state_name(const struct row *row)
{
	switch (row->state) {
	case THREAD_RUNNABLE:
		return "runnable";
	case THREAD_WAITING:
		return "waiting";
	default:
		return "dead";
	}
}

static void run_threads(int count, char **words)
{
	struct rows rows = { 0 };
	char stack[16];

	(void)count;
	(void)words;
	thread_each(count_thread, &rows);
	rows.all = kmalloc((rows.room ? rows.room : 1) * sizeof(*rows.all));
	if (!rows.all) {
		shell_print("no memory for a list of %u threads\n", rows.room);
		return;
	}
	thread_each(copy_thread, &rows);
	shell_print("%5s %-16s %-9s %12s %9s\n", "id", "name", "state", "switches",
		    "stack");
	for (unsigned i = 0; i < rows.count; i++) {
		const struct row *row = &rows.all[i];

		shell_print("%5d %-16s %-9s %12llu %9s\n", row->id, row->name,
			    state_name(row), row->switches,
			    row->stack_bytes ? shell_size(row->stack_bytes, stack) : "-");
	}
	kfree(rows.all);
}

static void run_log(int count, char **words)
{
	unsigned lines = 30;

	if (count > 1 && !shell_number(words[1], 1, 10000, &lines))
		return;
	log_replay(lines, console_write);
}

static void run_uptime(int count, char **words)
{
	unsigned long long ms = clock_ns() / NS_PER_MS, seconds = ms / 1000;

	(void)count;
	(void)words;
	shell_print("up %llu days %02llu:%02llu:%02llu.%03llu\n", seconds / 86400,
		    seconds / 3600 % 24, seconds / 60 % 60, seconds % 60, ms % 1000);
}

const struct shell_command shell_mem = { "mem", "memory and the kernel's heap", run_mem };
const struct shell_command shell_threads = { "threads", "all threads", run_threads };
const struct shell_command shell_log = { "log", "the last log lines: log [LINES]",
					 run_log };
const struct shell_command shell_uptime = { "uptime", "how long it has run", run_uptime };
