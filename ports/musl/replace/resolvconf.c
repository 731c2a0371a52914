/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* How names are looked up: as /etc/resolv.conf says. Where there is no such file, or it
 * names no server, the servers are those of the network: of net=, DHCP and router
 * advertisements. A reference to the linker set brings no network into an image. */

/* First: musl's headers make a macro of `weak`. */
#include <net/net.h>

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "stdio_impl.h"
#include "lookup.h"

#define LINE_BYTES 256

/* What resolv.conf(5) allows. */
#define NDOTS_MAX    15
#define ATTEMPTS_MAX 10
#define TIMEOUT_MAX  60

static void add_server(struct resolvconf *conf, const char *address)
{
	if (conf->nns < MAXNS &&
	    __lookup_ipliteral(&conf->ns[conf->nns], address, AF_UNSPEC) > 0)
		conf->nns++;
}

/* Takes the number behind `name` in the line of options, if it is there. */
static void take_option(const char *options, const char *name, unsigned max,
			unsigned *value)
{
	const char *found = strstr(options, name);
	unsigned long number;

	if (!found || !isdigit(found[strlen(name)]))
		return;
	number = strtoul(found + strlen(name), NULL, 10);
	*value = number > max ? max : (unsigned)number;
}

/* What follows the word `name` at the line's beginning, without spaces around it; NULL: the
 * line is another. */
static char *after_word(char *line, const char *name)
{
	size_t length = strlen(name);
	char *end;

	if (strncmp(line, name, length) || !isspace(line[length]))
		return NULL;
	line += length;
	line += strspn(line, " \t\r\n");
	for (end = line + strlen(line); end > line && isspace(end[-1]);)
		*--end = '\0';
	return line;
}

static void take_line(char *line, struct resolvconf *conf, char *search,
		      size_t search_bytes)
{
	char *rest;

	if ((rest = after_word(line, "nameserver"))) {
		rest[strcspn(rest, " \t")] = '\0'; /* a comment may follow */
		add_server(conf, rest);
	} else if ((rest = after_word(line, "options"))) {
		take_option(rest, "ndots:", NDOTS_MAX, &conf->ndots);
		take_option(rest, "attempts:", ATTEMPTS_MAX, &conf->attempts);
		take_option(rest, "timeout:", TIMEOUT_MAX, &conf->timeout);
	} else if ((rest = after_word(line, "search")) ||
		   (rest = after_word(line, "domain"))) {
		if (search && strlen(rest) < search_bytes)
			strcpy(search, rest);
	}
}

/* A line that is too long is left out whole rather than misunderstood. */
static void take_file(FILE *file, struct resolvconf *conf, char *search,
		      size_t search_bytes)
{
	char line[LINE_BYTES];
	int c;

	while (fgets(line, sizeof(line), file)) {
		if (strchr(line, '\n') || feof(file)) {
			take_line(line, conf, search, search_bytes);
			continue;
		}
		do
			c = getc(file);
		while (c != '\n' && c != EOF);
	}
}

static void take_network(struct resolvconf *conf)
{
	char address[NET_ADDRESS_BYTES];

	LINKSET_EACH(net_status, status)
	{
		if (!(*status)->name_server(0, address))
			(*status)->await_configuration();
		for (unsigned i = 0; (*status)->name_server(i, address); i++)
			add_server(conf, address);
	}
}

int __get_resolv_conf(struct resolvconf *conf, char *search, size_t search_bytes)
{
	unsigned char buffer[LINE_BYTES];
	FILE *file, memory;

	conf->nns = 0;
	conf->ndots = 1;
	conf->timeout = 5;
	conf->attempts = 2;
	if (search)
		*search = '\0';
	file = __fopen_rb_ca("/etc/resolv.conf", &memory, buffer, sizeof(buffer));
	if (file) {
		take_file(file, conf, search, search_bytes);
		__fclose_ca(file);
	} else if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) {
		return -1; /* it is there, but cannot be read now */
	}
	if (!conf->nns)
		take_network(conf);
	if (!conf->nns)
		add_server(conf, "127.0.0.1");
	return 0;
}
