/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The head of a request (RFC 9112 §2–§3, §9.3), parsed in place. */

#ifndef HTTPD_REQUEST_H
#define HTTPD_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "text.h"

#define REQUEST_HEAD_MAX 8192	      /* longer heads are answered with 414 or 431 */
#define REQUEST_BODY_MAX (256 * 1024) /* bodies are skipped up to this; then 413 */

struct request {
	bool head_only; /* HEAD, else GET */
	bool http10;
	bool keep_alive;
	struct slice line; /* the request line, for the log */
	struct slice target;
	uint64_t content_length; /* of the body that follows, to be skipped */
	struct slice range, if_range, if_match, if_none_match;
	struct slice if_modified_since, if_unmodified_since;
	unsigned hosts; /* Host fields seen */
	bool length_given, encoded, chunked, expects;
};

/* The length of the head that begins at data, with its final empty line; 0: not complete.
 * *scanned: how much was looked at before, kept by the caller between calls. Empty lines
 * before a request are part of the head. */
size_t request_head_end(const char *data, size_t length, size_t *scanned);

/* Parses a complete head. 0, or the status to refuse it with; after that the connection
 * cannot be used any further. */
int request_parse(const char *head, size_t length, struct request *out);

/* The status for bytes that cannot become a request however they go on, else 0. */
int request_hopeless(const char *data, size_t length);

#endif
