/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The kernel's log, and a death's report, go to standard error; standard output is the
 * application's own. */

#include <unistd.h>
#include <host/machine.h>
#include <kernel/console.h>

static void write_all(struct console *self, const char *text, size_t length)
{
	(void)self;
	while (length) {
		ssize_t written = write(STDERR_FILENO, text, length);

		if (written <= 0)
			return;
		text += written;
		length -= (size_t)written;
	}
}

static struct console console = { .name = "stderr", .write = write_all };

void host_console_init(void)
{
	console_add(&console);
}
