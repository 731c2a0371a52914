/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The command line on the host: what a test sets. */

#include <string.h>
#include <kernel/cmdline.h>
#include "host.h"

const char *host_cmdline[8][2];

const char *cmdline_value(const char *key, unsigned index)
{
	for (unsigned i = 0; i < 8 && host_cmdline[i][0]; i++)
		if (strcmp(host_cmdline[i][0], key) == 0 && index-- == 0)
			return host_cmdline[i][1];
	return NULL;
}

const char *cmdline_take(const char *key)
{
	(void)key;
	return NULL;
}
