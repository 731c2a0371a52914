/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <kernel/cmdline.h>
#include <kernel/console.h>
#include <kernel/lock.h>
#include <kernel/log.h>
#include <string.h>

static struct spinlock lock;
/* Changed under `lock`, followed without it: a removed console keeps its `next`. */
static struct console *consoles;
static const char *chosen; /* by console=; NULL: all. Written at boot */

static struct console *first_console(void)
{
	return __atomic_load_n(&consoles, __ATOMIC_ACQUIRE);
}

void console_add(struct console *console)
{
	unsigned long flags = spin_lock(&lock);

	console->next = consoles;
	__atomic_store_n(&consoles, console, __ATOMIC_RELEASE);
	spin_unlock(&lock, flags);
}

void console_remove(struct console *console)
{
	unsigned long flags = spin_lock(&lock);
	struct console **link = &consoles;

	while (*link && *link != console)
		link = &(*link)->next;
	if (*link)
		__atomic_store_n(link, console->next, __ATOMIC_RELEASE);
	spin_unlock(&lock, flags);
}

typedef void console_write_fn(struct console *self, const char *text, size_t length);

/* Goes through a small buffer, so that a line reaches the driver in one piece. */
static void write_crlf(struct console *console, console_write_fn *write, const char *text,
		       size_t length)
{
	char buffer[256];
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		if (used + 2 > sizeof(buffer)) {
			write(console, buffer, used);
			used = 0;
		}
		if (text[i] == '\n')
			buffer[used++] = '\r';
		buffer[used++] = text[i];
	}
	if (used)
		write(console, buffer, used);
}

static void write_to(struct console *console, console_write_fn *write, const char *text,
		     size_t length)
{
	if (console->crlf)
		write_crlf(console, write, text, length);
	else if (length)
		write(console, text, length);
}

static bool is_chosen(const struct console *console)
{
	return strncmp(console->name, chosen, strlen(chosen)) == 0;
}

/* Whether the choice can be followed: before the chosen console is there, or when it is
 * gone, text goes to the others rather than nowhere. */
static bool choice_exists(void)
{
	if (!chosen)
		return false;
	for (struct console *each = first_console(); each; each = each->next)
		if (is_chosen(each))
			return true;
	return false;
}

void console_write(const char *text, size_t length)
{
	bool choose = choice_exists();

	for (struct console *each = first_console(); each; each = each->next)
		if (!choose || is_chosen(each))
			write_to(each, each->write, text, length);
}

void console_panic_write(const char *text, size_t length)
{
	for (struct console *each = first_console(); each; each = each->next)
		write_to(each, each->panic_write ? each->panic_write : each->write, text,
			 length);
}

static void apply_choice(const char *value)
{
	if (strcmp(value, "both") == 0)
		chosen = NULL;
	else if (strcmp(value, "serial") == 0 || strcmp(value, "virtio") == 0)
		chosen = value;
	else
		log_warn("console: console=%s is none of serial, virtio, both", value);
}
CMDLINE_KEY_APPLY(console, "serial|virtio|both: where text goes", apply_choice);
