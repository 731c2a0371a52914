/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: bare kernel/cmdline.c tests/unit/host/log.c */

/* Command lines. */

#include <kernel/cmdline.h>
#include <kernel/log.h>
#include "fuzz.h"

static void apply(const char *value)
{
	FUZZ_ASSERT(strlen(value) < 65536);
}
CMDLINE_KEY_APPLY(a, "a value that is looked at", apply);
CMDLINE_KEY(root, "a value that is kept");

void fuzz_one(const uint8_t *data, size_t bytes)
{
	char *line = malloc(bytes + 1);
	char **arguments;
	int count;

	memcpy(line, data, bytes);
	line[bytes] = '\0';
	cmdline_parse(line);
	free(line); /* it was copied */
	for (unsigned i = 0; cmdline_value("root", i); i++)
		FUZZ_ASSERT(strlen(cmdline_value("root", i)) <= bytes && i <= bytes);
	count = cmdline_arguments(&arguments);
	for (int i = 0; i < count; i++)
		FUZZ_ASSERT(strlen(arguments[i]) <= bytes);
	cmdline_report_unknown(); /* what is kept is kept for ever, on purpose: no leak */
}
