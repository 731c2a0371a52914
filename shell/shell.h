/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The status shell: commands typed on the console while the application runs.
 *
 * It is linked only where an application asks for it (LINK := ferrule_shell in its
 * app.mk), and then the console's input is its own: such an application does not read
 * standard input. Any part that is linked in may add a command:
 *
 *	static const struct shell_command hits = { "hits", "pages served", run };
 *	SHELL_COMMAND(hits);
 */

#ifndef SHELL_SHELL_H
#define SHELL_SHELL_H

#include <stdbool.h>
#include <stddef.h>
#include <kernel/linkset.h>

#define SHELL_WORDS_MAX 8

struct shell_command {
	const char *name;
	const char *help; /* one line */
	/* In the shell's thread; words[0] is the name. It prints what is wrong itself. */
	void (*run)(int count, char **words);
};
#define SHELL_COMMAND(object) LINKSET_ENTRY(shell_commands, object)
LINKSET_DECLARE(shell_commands, const struct shell_command);

/* Prints on the console; one call's text stays together. At most 255 bytes. */
void shell_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "17", "17 KiB", "3.2 MiB": in units a reader can compare. */
const char *shell_size(unsigned long long bytes, char out[16]);

/* A whole number in [min, max]; prints what is wrong and returns false. */
bool shell_number(const char *word, unsigned min, unsigned max, unsigned *value);

#endif
