/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* From what a connection received to the answers to it, gathered in output.h. */

#ifndef HTTPD_ANSWER_H
#define HTTPD_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include "connection.h"
#include "request.h"

/* Answers what cannot be understood or waited for, and ends the connection after that. */
void answer_refuse(struct connection *c, int status, const struct request *request);
/* Gathers answers to the complete requests in data; returns how much of it they took.
 * *more: stopped although another request may be there. */
size_t answer_all(struct connection *c, const char *data, size_t length, bool *more);

#endif
