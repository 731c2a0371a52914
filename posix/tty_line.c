/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The line discipline: typed bytes are edited and echoed when a thread reads the terminal
 * or asks whether it can be read; until then they wait raw in kernel/console.c.
 *
 * The interrupt characters (^C, ^\\, ^Z) are dropped: there is one process and nobody to
 * interrupt it for. */

#include <string.h>
#include <termios.h>
#include <kernel/console.h>
#include <kernel/heap.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <posix/tty_line.h>

#define INPUT_BYTES 4096  /* a power of two; a line is at most one less (MAX_CANON) */
#define END_OF_FILE 0x100 /* in the input buffer: where ^D was typed */

/* All under tty_mutex. Counters run freely; [head, committed) can be read, [committed, tail)
 * is the line being edited. The buffer is allocated when somebody reads. */
static uint16_t *input;
static uint32_t head, committed, tail;
static struct wait console_watch;
static bool watching; /* console_watch is queued */

static void echo(const char *text, size_t length)
{
	if (tty_settings.local & ECHO)
		console_write(text, length);
}

static void echo_character(uint8_t c)
{
	char text[2] = { '^', (char)(c ^ 0x40) };

	if ((c < 32 || c == 127) && c != '\n' && c != '\t' &&
	    tty_settings.local & ECHOCTL)
		echo(text, 2);
	else
		echo((const char *)&c, 1);
}

/* Takes the last character of the line back; in UTF-8, all its bytes. */
static void erase_character(void)
{
	uint8_t c;

	do {
		c = (uint8_t)input[--tail % INPUT_BYTES];
	} while (tty_settings.input & IUTF8 && (c & 0xc0) == 0x80 && tail != committed);
	echo("\b \b", 3);
	if (c < 32 && c != '\t')
		echo("\b \b", 3);
}

static bool is_character(uint8_t c, unsigned which)
{
	return c && c == tty_settings.characters[which];
}

static void put(uint16_t value)
{
	input[tail++ % INPUT_BYTES] = value;
}

static void edit_word_back(void)
{
	while (tail != committed && input[(tail - 1) % INPUT_BYTES] == ' ')
		erase_character();
	while (tail != committed && input[(tail - 1) % INPUT_BYTES] != ' ')
		erase_character();
}

/* One byte in canonical mode. */
static void edit(uint8_t c)
{
	if (is_character(c, VERASE) || c == '\b') {
		if (tail != committed)
			erase_character();
	} else if (is_character(c, VKILL)) {
		while (tail != committed)
			erase_character();
	} else if (is_character(c, VWERASE)) {
		edit_word_back();
	} else if (is_character(c, VEOF)) {
		put(END_OF_FILE);
		committed = tail;
	} else if (c == '\n' || is_character(c, VEOL)) {
		put(c);
		committed = tail;
		if (tty_settings.local & (ECHO | ECHONL))
			console_write("\n", 1);
	} else if (tail - head < INPUT_BYTES - 1) { /* one place is kept for the end */
		put(c);
		echo_character(c);
	}
}

static void take(uint8_t c)
{
	if (tty_settings.local & ISIG &&
	    (is_character(c, VINTR) || is_character(c, VQUIT) || is_character(c, VSUSP)))
		return;
	if (c == '\r' && tty_settings.input & IGNCR)
		return;
	if (c == '\r' && tty_settings.input & ICRNL)
		c = '\n';
	else if (c == '\n' && tty_settings.input & INLCR)
		c = '\r';
	if (tty_settings.local & ICANON) {
		edit(c);
		return;
	}
	put(c);
	committed = tail;
	echo_character(c);
}

static void input_came(struct wait *self, uintptr_t what)
{
	(void)self;
	(void)what;
	tty_input_came();
}

/* Edits what was typed since the last time. False without memory. */
bool tty_line_pump(void)
{
	char typed[64];
	size_t count;

	if (!input) {
		input = kmalloc(INPUT_BYTES * sizeof(*input));
		if (!input)
			return false;
	}
	if (!watching) {
		watching = true;
		wait_begin_notify(&console_readers, &console_watch, input_came);
	}
	/* What does not fit stays in the console; a full line can still be edited. */
	while (committed - head <= INPUT_BYTES - 1 - sizeof(typed)) {
		count = tail - head;
		if (!(tty_settings.local & ICANON) && count > INPUT_BYTES - sizeof(typed))
			break;
		count = console_read(typed, sizeof(typed));
		if (!count)
			break;
		for (size_t i = 0; i < count; i++)
			if (tail - head < INPUT_BYTES)
				take((uint8_t)typed[i]);
	}
	return true;
}

/* How many bytes a read in canonical mode gets, at most `bytes`: up to a line's end. */
static size_t copy_line(char *out, size_t bytes)
{
	size_t done = 0;

	while (head != committed && done < bytes) {
		uint16_t c = input[head % INPUT_BYTES];

		head++;
		if (c == END_OF_FILE)
			return done;
		out[done++] = (char)c;
		if (c == '\n' || is_character((uint8_t)c, VEOL))
			return done;
	}
	/* An end of file right behind belongs to this read. */
	if (done && head != committed && input[head % INPUT_BYTES] == END_OF_FILE)
		head++;
	return done;
}

static size_t copy_raw(char *out, size_t bytes)
{
	size_t done = 0;

	while (head != committed && done < bytes)
		out[done++] = (char)input[head++ % INPUT_BYTES];
	return done;
}

/* What a read waits for: whether there is enough, and until when (termios(3), the cases
 * of MIN and TIME; times in tenths of a second). */
bool tty_line_enough(size_t bytes, uint64_t started_ns, uint64_t *deadline_ns)
{
	uint8_t least = tty_settings.characters[VMIN],
		time = tty_settings.characters[VTIME];

	*deadline_ns = NO_DEADLINE;
	if (tty_settings.local & ICANON)
		return head != committed;
	if (!least && !time)
		return true;
	if (time && (!least || head != committed))
		*deadline_ns = started_ns + time * 100 * NS_PER_MS;
	if (!least)
		return head != committed;
	return committed - head >= (least < bytes ? least : bytes);
}

size_t tty_line_take(char *out, size_t bytes)
{
	return tty_settings.local & ICANON ? copy_line(out, bytes) : copy_raw(out, bytes);
}

uint32_t tty_line_progress(void)
{
	return tail;
}

size_t tty_line_readable(void)
{
	return committed - head;
}

void tty_line_drop(void)
{
	head = committed = tail;
}

void tty_line_commit(void)
{
	committed = tail;
}
