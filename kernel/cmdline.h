/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The command line: `key=value … -- application arguments`. Values may be quoted with
 * "". A key is known when something that is linked in declares it; others are reported. */

#ifndef KERNEL_CMDLINE_H
#define KERNEL_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <kernel/linkset.h>

/* Parses a copy of `line`. Boot only; arguments that do not fit in memory are reported. */
void cmdline_parse(const char *line);

struct cmdline_key {
	const char *name;
	const char *
		help; /* its values, and what it does: one line, for the report of unknown keys */
	/* Called by cmdline_parse() with each value, in order; may be NULL. */
	void (*apply)(const char *value);
};
#define CMDLINE_KEY(key, text) CMDLINE_KEY_APPLY(key, text, NULL)
#define CMDLINE_KEY_APPLY(key, text, function)                                        \
	static const struct cmdline_key cmdline_key_##key = { #key, text, function }; \
	LINKSET_ENTRY(cmdline_keys, cmdline_key_##key)

/* The value of the index-th `key=value`, or NULL. Valid for ever. */
const char *cmdline_value(const char *key, unsigned index);

/* Takes the first argument `key=value` out of those after "--", where a loader may append
 * what is not the application's; its value, or NULL: there is none. */
const char *cmdline_take(const char *key);

/* The whole value as a number from `least` to `most`, or of bytes, which may end in K, M or
 * G; false: it is none, and *out stays as it was. */
bool cmdline_number(const char *text, uint64_t least, uint64_t most, uint64_t *out);
bool cmdline_bytes(const char *text, uint64_t least, uint64_t most, uint64_t *out);

/* What stands after "--": argc and a NULL-terminated argv, without a program name. */
int cmdline_arguments(char ***argv);

/* Warns of each key that nothing declared. */
void cmdline_report_unknown(void);

#endif
