/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The answers of one turn, gathered for one write. There is one of these: the thread
 * fills it for a connection and empties it before it turns to the next. */

#ifndef HTTPD_OUTPUT_H
#define HTTPD_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "resource.h"

/* Refers to memory that stays as it is until output_reset(). */
void output_add(const void *data, size_t bytes);
/* Copies. */
void output_copy(const char *data, size_t bytes);
/* Takes a reference and keeps it until output_reset(). */
void output_hold(struct resource *resource);

/* Is there room for one more answer? To be asked before each. */
bool output_has_room(void);
size_t output_bytes(void);

/* Sends what was gathered plus `extra`; bytes sent, or -errno. */
ssize_t output_send(int fd, const void *extra, size_t extra_bytes);
/* Copies what lies past the first `skip` bytes; returns how much. */
size_t output_rest(size_t skip, char *out);
/* Drops all that was gathered. */
void output_reset(void);

#endif
