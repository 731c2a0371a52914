/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The terminal: the console seen as descriptors 0, 1, 2 and /dev/console. */

#ifndef POSIX_TTY_H
#define POSIX_TTY_H

#include <posix/file.h>

/* What descriptors 0, 1 and 2 refer to at the start; never freed. */
extern struct file tty_file;

/* Another open file of the terminal, with flags of its own; NULL without memory. */
struct file *tty_open(int flags);

/* In a file whose calls may come to read a terminal: has the linker bring tty_input.c in,
 * to which tty.c refers weakly. */
#define TTY_INPUT_NEEDED() __asm__(".globl tty_readv, tty_poll")

#endif
