/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Where text goes and comes from: the serial port first, the virtio console once it is
 * up. `console=serial|virtio|both` chooses; the default is both, each byte to each. */

#ifndef KERNEL_CONSOLE_H
#define KERNEL_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <kernel/thread.h>

struct console {
	const char *name;
	/* Queues or writes all bytes; bounded time; any context. "\n" is translated to
	 * "\r\n" by console.c, if `crlf`. */
	void (*write)(struct console *self, const char *text, size_t length);
	/* Polled write for a panic; NULL: write is safe there. */
	void (*panic_write)(struct console *self, const char *text, size_t length);
	bool crlf;
	struct console *next; /* console.c's */
};

void console_add(struct console *console);
/* A write that is under way in another context may still finish: keep the struct. */
void console_remove(struct console *console);

/* From a driver, any context: bytes the user typed. What does not fit in the input
 * buffer is dropped and counted. Drivers refer to it weakly, and take no input without it:
 * it is linked in with what reads (console_read), which hello does not. */
void console_input(const char *text, size_t length);

/* From a driver, any context: the console has another size. Given by who can tell the
 * application; drivers refer to it weakly. */
void console_resized(void);

/* Writes to all consoles; any context. */
void console_write(const char *text, size_t length);
void console_panic_write(const char *text, size_t length);

/* Reads what was typed, raw; 0 if nothing is there. */
size_t console_read(char *text, size_t length);
bool console_readable(void);
extern struct wait_queue console_readers; /* woken when input comes */

/* Lets input come from a port of the virtio console. Given by its driver, which refers to
 * it weakly: this and console_input.c are linked in only with something that reads. */
struct ferrule_port;
void console_port_start(struct ferrule_port *port);

#endif
