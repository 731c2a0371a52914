/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#ifndef SHELL_LINE_H
#define SHELL_LINE_H

#include <stddef.h>

enum line_result { LINE_READ, LINE_END };

/* Reads one line from the console with echo and editing: backspace, ^U, ^W, arrow up and
 * down for earlier lines, tab for the rest of a command's name. LINE_END: ^C, or ^D on an
 * empty line. The text in out has no newline. */
enum line_result line_read(const char *prompt, char *out, size_t size);

#endif
