/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Pieces of text, and text that grows. */

#ifndef HTTPD_TEXT_H
#define HTTPD_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* A piece of someone else's memory; text NULL: absent. */
struct slice {
	const char *text;
	size_t length;
};

bool slice_equals(struct slice slice, const char *text); /* exactly */
bool slice_is(struct slice slice, const char *text);	 /* ASCII case ignored */
struct slice slice_trim(struct slice slice);		 /* without blanks around */
/* Takes the next element off a comma-separated list, trimmed; false at its end. Empty
 * elements are passed over (RFC 9110 §5.6.1.2). */
bool slice_next(struct slice *list, struct slice *element);

/* Text that grows; once memory has run out `failed` stays set and nothing is added. */
struct text {
	char *data;
	size_t length, capacity;
	bool failed;
};

void text_add(struct text *text, const char *data, size_t length);
void text_string(struct text *text, const char *string);
void text_format(struct text *text, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* What stands for itself neither in HTML text nor in a double-quoted attribute is escaped. */
void text_html(struct text *text, const char *string);
/* Percent-encodes a path, "/" excepted (RFC 3986 §3.3). */
void text_url(struct text *text, const char *string);

#endif
