/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Between tty.c, tty_input.c and tty_line.c: the line discipline (termios(3)). */

#ifndef POSIX_TTY_LINE_H
#define POSIX_TTY_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <kernel/sync.h>
#include <posix/file.h>

/* The kernel's struct termios, the first part of the C library's (ioctl_tty(2)). */
struct kernel_termios {
	uint32_t input, output, control, local;
	uint8_t line;
	uint8_t characters[19];
};

/* tty.c */
extern struct mutex tty_mutex;
extern struct kernel_termios tty_settings; /* under tty_mutex */

/* tty_input.c: for tty.c, which has them weak. */
ssize_t tty_readv(struct file *file, const struct iovec *vector, int count,
		  off_t *offset);
short tty_poll(struct file *file);
size_t tty_input_bytes(void); /* how many can be read */
void tty_input_drop(void);
/* Under tty_mutex, after a change of tty_settings; `flush`: drop what was typed. */
void tty_input_change(bool flush);

/* tty_line.c. All that follows: under tty_mutex. */

/* Edits what was typed since the last time; false without memory. */
bool tty_line_pump(void);
/* Changes with each typed byte that was taken. */
uint32_t tty_line_progress(void);
/* How many bytes can be read. */
size_t tty_line_readable(void);
/* What a read of `bytes` waits for: whether there is enough, and until when. */
bool tty_line_enough(size_t bytes, uint64_t started_ns, uint64_t *deadline_ns);
/* Takes what a read of at most `bytes` gets: in canonical mode up to a line's end. */
size_t tty_line_take(char *out, size_t bytes);
/* Drops all input; or hands over the line that was being edited. */
void tty_line_drop(void);
void tty_line_commit(void);
/* tty.c: something was typed. Any context. */
void tty_input_came(void);

#endif
