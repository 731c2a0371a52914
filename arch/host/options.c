/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* From the words of a shell's command line to the kernel's: `--key value`, `--key=value`
 * and `key=value` are all the same, up to the word "--". */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <host/machine.h>
#include <kernel/cmdline.h>

LINKSET_DECLARE(cmdline_keys, const struct cmdline_key);

void host_usage(const char *program)
{
	printf("usage: %s [--KEY VALUE | --KEY=VALUE | KEY=VALUE] ... "
	       "[-- ARGUMENTS OF THE APPLICATION]\n\n"
	       "The application's devices are other processes. In FERRULE_HOST further\n"
	       "options are looked for, before these. KEY is one of\n\n",
	       program);
	LINKSET_EACH(cmdline_keys, each)
	printf("  %-12s %s\n", (*each)->name, (*each)->help);
	printf("\nFor example: %s --vhost-user blk=/tmp/disk.sock -- vda 0 8\n", program);
}

/* Appends a word, in quotes if it needs them. False: it has one inside. */
static bool append(char *line, const char *key, size_t key_bytes, const char *value)
{
	bool quoted = strpbrk(value, " \t\n") || !*value;

	if (strchr(value, '"'))
		return false;
	sprintf(line + strlen(line), "%.*s=%s%s%s ", (int)key_bytes, key, /* NOLINT */
		quoted ? "\"" : "", value, quoted ? "\"" : "");
	return true;
}

static int complain(const char *what, const char *word)
{
	fprintf(stderr, "%s: %s (--help says more)\n", word, what);
	return 0;
}

/* The words from argv[1] on, up to "--" or the end, whose place is the result; 0: a line on
 * standard error says what makes no sense. */
static int append_words(char *line, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		const char *word = argv[i];
		const char *key = strncmp(word, "--", 2) == 0 ? word + 2 : word;
		const char *value = strchr(key, '=');
		size_t key_bytes = value ? (size_t)(value - key) : strlen(key);

		if (!value && key == word)
			return complain("what is this? Arguments of the application come "
					"after \"--\"",
					word);
		if (!value && i + 1 == argc)
			return complain("it wants a value", word);
		value = value ? value + 1 : argv[++i];
		if (!append(line, key, key_bytes, value))
			return complain("a value cannot hold a \"", word);
	}
	return i;
}

char *host_options(int argc, char **argv, char ***rest)
{
	const char *environment = getenv("FERRULE_HOST");
	size_t bytes = environment ? strlen(environment) + 2 : 1;
	char *line;
	int end;

	for (int i = 1; i < argc; i++) /* an '=', two quotes, a space */
		bytes += strlen(argv[i]) + 4;
	line = calloc(1, bytes);
	if (!line) {
		complain("no memory", argv[0]);
		return NULL;
	}
	if (environment)
		sprintf(line, "%s ", environment); /* NOLINT: counted above */
	end = append_words(line, argc, argv);
	if (!end) {
		free(line);
		return NULL;
	}
	*rest = argv + (end < argc ? end + 1 : end);
	return line;
}

const char *host_option(const char *line, const char *key)
{
	size_t length = strlen(key);
	const char *found = NULL;

	for (const char *at = line; at; at = strchr(at, ' ')) {
		at += strspn(at, " ");
		if (strncmp(at, key, length) == 0 && at[length] == '=')
			found = at + length + 1;
	}
	return found;
}
