/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Named console ports: answers each line that comes on one with the same line in capital
 * letters, until the line is "end". */

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <ferrule/console.h>

#define SECOND_NS 1000000000ull

static void capitals(char *text, long bytes)
{
	for (long i = 0; i < bytes; i++)
		text[i] = (char)toupper((unsigned char)text[i]);
}

static int serve(struct ferrule_port *port)
{
	static char text[4096];

	/* The port is there before the host's side of it is known to be open. */
	for (int i = 0; i < 500 && !ferrule_port_host_open(port); i++)
		usleep(10000);
	for (;;) {
		long bytes = ferrule_port_read(port, text, sizeof(text), UINT64_MAX);

		if (bytes <= 0)
			return (int)bytes;
		if (bytes >= 3 && !memcmp(text, "end", 3))
			return 0;
		capitals(text, bytes);
		if (ferrule_port_write(port, text, (size_t)bytes, UINT64_MAX) != bytes)
			return 1;
	}
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct ferrule_port *port = ferrule_port_find(argv[i], 5 * SECOND_NS);

		printf("port %s: %s\n", argv[i], port ? "there" : "not there");
		if (port)
			printf("port %s ended with %d\n", argv[i], serve(port));
	}
	return 0;
}
