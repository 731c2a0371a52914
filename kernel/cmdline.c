/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The line is copied once and cut in place: words lie end to end in the copy, each ended
 * by a NUL, quotes taken out. */

#include <kernel/cmdline.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <stdint.h>
#include <string.h>

LINKSET_DECLARE(cmdline_keys, const struct cmdline_key);

struct pair {
	const char *key, *value;
};

/* Written by cmdline_parse() at boot, read-only from then on. */
static struct pair *pairs;
static size_t pair_count;
static char *no_arguments[] = { NULL };
static char **arguments = no_arguments;
static int argument_count;

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Cuts the next word out of *from, writing it to `to` without its quotes; returns the
 * place after its NUL, or NULL if there is no word. *quoted: it began with a quote. */
static char *next_word(const char **from, char *to, bool *quoted)
{
	const char *at = *from;
	bool inside = false;

	while (is_space(*at))
		at++;
	if (!*at)
		return NULL;
	*quoted = *at == '"';
	for (; *at && (inside || !is_space(*at)); at++) {
		if (*at == '"')
			inside = !inside;
		else
			*to++ = *at;
	}
	if (inside)
		log_warn("cmdline: a \" is never closed");
	*from = at;
	*to++ = '\0';
	return to;
}

static const struct cmdline_key *find_key(const char *name)
{
	LINKSET_EACH(cmdline_keys, each)
	{
		if (strcmp((*each)->name, name) == 0)
			return *each;
	}
	return NULL;
}

static void add_pair(char *word)
{
	char *equals = strchr(word, '=');
	struct pair *pair = &pairs[pair_count++];

	if (equals)
		*equals = '\0';
	pair->key = word;
	pair->value = equals ? equals + 1 : "";
}

static void apply_pairs(void)
{
	for (size_t i = 0; i < pair_count; i++) {
		const struct cmdline_key *key = find_key(pairs[i].key);

		if (key && key->apply)
			key->apply(pairs[i].value);
	}
}

void cmdline_parse(const char *line)
{
	size_t length = strlen(line);
	/* Words take a character and a space each, so there are at most so many. */
	size_t words = length / 2 + 2;
	char *copy = kmalloc(length + 2);
	bool in_arguments = false, quoted;
	char *word = copy, *next;

	pair_count = 0;
	argument_count = 0;
	pairs = kmalloc(words * sizeof(*pairs));
	arguments = kmalloc(words * sizeof(*arguments));
	if (!copy || !pairs || !arguments) {
		log_error("cmdline: no memory for a line of %zu bytes: it is ignored",
			  length);
		kfree(copy);
		kfree(pairs);
		kfree(arguments);
		arguments = no_arguments;
		return;
	}
	for (; (next = next_word(&line, word, &quoted)); word = next) {
		if (in_arguments)
			arguments[argument_count++] = word;
		else if (strcmp(word, "--") == 0 && !quoted)
			in_arguments = true;
		else if (*word)
			add_pair(word);
	}
	arguments[argument_count] = NULL;
	apply_pairs();
}

const char *cmdline_value(const char *key, unsigned index)
{
	for (size_t i = 0; i < pair_count; i++)
		if (strcmp(pairs[i].key, key) == 0 && index-- == 0)
			return pairs[i].value;
	return NULL;
}

const char *cmdline_take(const char *key)
{
	size_t length = strlen(key);

	for (int i = 0; i < argument_count; i++) {
		const char *word = arguments[i];

		if (strncmp(word, key, length) != 0 || word[length] != '=')
			continue;
		for (argument_count--; i <= argument_count; i++)
			arguments[i] = arguments[i + 1];
		return word + length + 1;
	}
	return NULL;
}

int cmdline_arguments(char ***argv)
{
	*argv = arguments;
	return argument_count;
}

void cmdline_report_unknown(void)
{
	bool unknown = false;

	for (size_t i = 0; i < pair_count; i++) {
		if (find_key(pairs[i].key))
			continue;
		log_warn("cmdline: %s=%s: nothing in this image knows this key",
			 pairs[i].key, pairs[i].value);
		unknown = true;
	}
	if (!unknown)
		return;
	LINKSET_EACH(cmdline_keys, each)
	{
		log_warn("cmdline: known is %s: %s", (*each)->name, (*each)->help);
	}
}
