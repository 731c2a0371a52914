/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The line editor. It knows no cursor movement: what is typed goes at the end. */

#include "line.h"
#include <stdbool.h>
#include <string.h>
#include <kernel/console.h>
#include <kernel/thread.h>
#include "shell.h"

#define LINE_BYTES 128
#define LINES_KEPT 8

enum key {
	CTRL_C = 3,
	CTRL_D = 4,
	BACKSPACE = 8,
	TAB = 9,
	CTRL_L = 12,
	CTRL_U = 21,
	CTRL_W = 23,
	ESCAPE = 27,
	DELETE = 127,
	KEY_UP = 256,
	KEY_DOWN,
	KEY_OTHER,
};

/* All this belongs to the shell's thread. */
static char line[LINE_BYTES];
static size_t length;
static char kept[LINES_KEPT][LINE_BYTES];
static unsigned kept_count; /* only grows */
static char typed[64];
static size_t typed_count, typed_next;

static unsigned char next_byte(void)
{
	if (typed_next == typed_count) {
		struct wait wait;

		typed_next = 0;
		wait_begin(&console_readers, &wait);
		while (!(typed_count = console_read(typed, sizeof(typed))))
			wait_sleep(&wait, NO_DEADLINE);
		wait_end(&wait);
	}
	return (unsigned char)typed[typed_next++];
}

/* A key; arrows come as escape sequences (ECMA-48 §5.4): ESC [ parameters final byte. */
static int next_key(void)
{
	unsigned char c = next_byte();

	if (c != ESCAPE)
		return c;
	c = next_byte();
	if (c != '[' && c != 'O')
		return KEY_OTHER;
	do
		c = next_byte();
	while (c >= 0x20 && c < 0x40);
	return c == 'A' ? KEY_UP : c == 'B' ? KEY_DOWN : KEY_OTHER;
}

static void show(const char *text, size_t bytes)
{
	console_write(text, bytes);
}

static bool continuation(char c) /* of a UTF-8 sequence */
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static void erase_one(void)
{
	if (!length)
		return;
	while (length > 1 && continuation(line[length - 1]))
		length--;
	length--;
	show("\b \b", 3);
}

static void erase_word(void)
{
	while (length && line[length - 1] == ' ')
		erase_one();
	while (length && line[length - 1] != ' ')
		erase_one();
}

static void insert(const char *text, size_t bytes)
{
	if (bytes > sizeof(line) - 1 - length) {
		show("\a", 1);
		return;
	}
	memcpy(line + length, text, bytes);
	length += bytes;
	show(text, bytes);
}

static void replace(const char *text)
{
	while (length)
		erase_one();
	insert(text, strlen(text));
}

/* Adds what all commands that begin like the line have in common. */
static void complete(void)
{
	const char *match = NULL;
	size_t common = 0;
	bool several = false;

	LINKSET_EACH(shell_commands, command)
	{
		const char *name = (*command)->name;

		if (strncmp(name, line, length))
			continue;
		several = match;
		if (!match) {
			match = name;
			common = strlen(name);
		}
		while (strncmp(name, match, common))
			common--;
	}
	if (!match || (common == length && several)) {
		show("\a", 1);
		return;
	}
	insert(match + length, common - length);
	if (!several)
		insert(" ", 1);
}

static void keep(void)
{
	if (!length || (kept_count && !strcmp(kept[(kept_count - 1) % LINES_KEPT], line)))
		return;
	memcpy(kept[kept_count++ % LINES_KEPT], line, length + 1);
}

/* Steps through earlier lines; `back` is how many lines ago, 0 the new one. */
static void recall(unsigned *back, int step)
{
	unsigned oldest = kept_count < LINES_KEPT ? kept_count : LINES_KEPT;

	if ((step > 0 && *back == oldest) || (step < 0 && !*back)) {
		show("\a", 1);
		return;
	}
	*back += (unsigned)step;
	replace(*back ? kept[(kept_count - *back) % LINES_KEPT] : "");
}

enum line_result line_read(const char *prompt, char *out, size_t size)
{
	static bool after_return; /* a "\n" right after "\r" is the same key */
	unsigned back = 0;

	length = 0;
	line[0] = '\0';
	show(prompt, strlen(prompt));
	for (;;) {
		int key = next_key();
		char c = (char)key;
		bool second = key == '\n' && after_return;

		after_return = key == '\r';
		if (second)
			continue;
		switch (key) {
		case '\r':
		case '\n':
			show("\n", 1);
			line[length] = '\0';
			keep();
			length = length < size ? length : size - 1;
			memcpy(out, line, length);
			out[length] = '\0';
			return LINE_READ;
		case CTRL_C:
			show("^C\n", 3);
			return LINE_END;
		case CTRL_D:
			if (!length) {
				show("\n", 1);
				return LINE_END;
			}
			break;
		case BACKSPACE:
		case DELETE:
			erase_one();
			break;
		case CTRL_U:
			replace("");
			break;
		case CTRL_W:
			erase_word();
			break;
		case CTRL_L:
			show("\033[H\033[2J", 7);
			show(prompt, strlen(prompt));
			show(line, length);
			break;
		case TAB:
			complete();
			break;
		case KEY_UP:
			recall(&back, 1);
			break;
		case KEY_DOWN:
			recall(&back, -1);
			break;
		default:
			if (key >= ' ' && key < 256)
				insert(&c, 1);
		}
		line[length] = '\0';
	}
}
