/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The shell's thread, its words, and which commands there are. */

#include "shell.h"
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <kernel/console.h>
#include <kernel/format.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include "commands.h"
#include "line.h"

/* The application's first lines and a prompt should not be mixed up on the screen. */
#define FIRST_PROMPT_NS (300 * NS_PER_MS)

void shell_print(const char *fmt, ...)
{
	char text[256];
	va_list args;
	int length;

	va_start(args, fmt);
	length = format_args(text, sizeof(text), fmt, args);
	va_end(args);
	console_write(text,
		      (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);
}

const char *shell_size(unsigned long long bytes, char out[16])
{
	static const char units[] = "KMGTPE";
	unsigned long long tenths = bytes * 10;
	int unit = -1;

	if (bytes < 1024) {
		format(out, 16, "%llu B", bytes);
		return out;
	}
	if (bytes > UINT64_MAX / 10) {
		tenths = bytes / 1024 * 10;
		unit = 0;
	}
	do {
		tenths /= 1024;
		unit++;
	} while (tenths >= 10240);
	if (tenths < 100 && tenths % 10)
		format(out, 16, "%llu.%llu %ciB", tenths / 10, tenths % 10, units[unit]);
	else
		format(out, 16, "%llu %ciB", tenths / 10, units[unit]);
	return out;
}

bool shell_number(const char *word, unsigned min, unsigned max, unsigned *value)
{
	unsigned long long number = 0;
	size_t digits = 0;

	for (; word[digits] >= '0' && word[digits] <= '9' && digits < 10; digits++)
		number = number * 10 + (unsigned)(word[digits] - '0');
	if (!digits || word[digits] || number < min || number > max) {
		shell_print("%s is not a number from %u to %u\n", word, min, max);
		return false;
	}
	*value = (unsigned)number;
	return true;
}

/* The commands in the order of their names: the linker's order says nothing. */
static const struct shell_command *next_command(const struct shell_command *after)
{
	const struct shell_command *next = NULL;

	LINKSET_EACH(shell_commands, command)
	{
		if ((!after || strcmp((*command)->name, after->name) > 0) &&
		    (!next || strcmp((*command)->name, next->name) < 0))
			next = *command;
	}
	return next;
}

static void run_help(int count, char **words)
{
	(void)count;
	(void)words;
	for (const struct shell_command *c = next_command(NULL); c; c = next_command(c))
		shell_print("  %-10s %s\n", c->name, c->help);
	shell_print("Ctrl-C, or Ctrl-D on an empty line: poweroff\n");
}

static void run_poweroff(int count, char **words)
{
	(void)count;
	(void)words;
	shell_print("powering off\n");
	machine_exit(0);
}

static void run_reboot(int count, char **words)
{
	(void)count;
	(void)words;
	shell_print("rebooting\n");
	machine_reboot();
}

static void run_clear(int count, char **words)
{
	(void)count;
	(void)words;
	shell_print("\033[H\033[2J");
}

static const struct shell_command help = { "help", "this list", run_help };
static const struct shell_command poweroff = { "poweroff", "an orderly end",
					       run_poweroff };
static const struct shell_command reboot = { "reboot", "an orderly end, then a new start",
					     run_reboot };
static const struct shell_command clear = { "clear", "an empty screen", run_clear };
SHELL_COMMAND(help);
SHELL_COMMAND(poweroff);
SHELL_COMMAND(reboot);
SHELL_COMMAND(clear);
SHELL_COMMAND(shell_devices);
SHELL_COMMAND(shell_queues);
SHELL_COMMAND(shell_net);
SHELL_COMMAND(shell_mem);
SHELL_COMMAND(shell_threads);
SHELL_COMMAND(shell_log);
SHELL_COMMAND(shell_uptime);

static int split(char *line, char **words)
{
	int count = 0;

	for (;;) {
		while (*line == ' ' || *line == '\t')
			*line++ = '\0';
		if (!*line)
			return count;
		if (count == SHELL_WORDS_MAX) {
			shell_print("more than %d words\n", SHELL_WORDS_MAX);
			return 0;
		}
		words[count++] = line;
		while (*line && *line != ' ' && *line != '\t')
			line++;
	}
}

static void run_line(char *line)
{
	char *words[SHELL_WORDS_MAX];
	int count = split(line, words);

	if (!count)
		return;
	LINKSET_EACH(shell_commands, command)
	{
		if (!strcmp((*command)->name, words[0])) {
			(*command)->run(count, words);
			return;
		}
	}
	shell_print("%s: there is no such command; \"help\" lists them\n", words[0]);
}

static void wait_for_first_output(void)
{
	uint64_t deadline = clock_ns() + FIRST_PROMPT_NS;
	bool in_time = true;
	struct wait wait;

	wait_begin(&console_readers, &wait);
	while (!console_readable() && in_time)
		in_time = wait_sleep(&wait, deadline);
	wait_end(&wait);
}

static void shell_thread(void *unused)
{
	char line[128];

	(void)unused;
	wait_for_first_output();
	shell_print("Type \"help\" for the status shell's commands.\n");
	while (line_read("ferrule> ", line, sizeof(line)) == LINE_READ)
		run_line(line);
	run_poweroff(0, NULL);
}

/* What an application's LINK names, so that the linker takes the shell in. */
void ferrule_shell(void)
{
	if (!thread_create("shell", shell_thread, NULL))
		log_error("shell: no memory for its thread");
}
INIT_CALL(INIT_LATE, ferrule_shell);
