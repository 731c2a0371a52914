/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Pieces of text, and text that grows. */

#ifndef HTTPD_TEXT_H
#define HTTPD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* A piece of someone else's memory; text NULL: absent. */
struct slice {
	const char *text;
	size_t length;
};

static inline bool slice_equals(struct slice slice, const char *text)
{
	return slice.length == strlen(text) && !memcmp(slice.text, text, slice.length);
}

/* The same but for ASCII case; `lower` is of lower-case letters, digits, "-" and "=". */
static inline bool slice_is(struct slice slice, const char *lower)
{
	if (slice.length != strlen(lower))
		return false;
	for (size_t i = 0; i < slice.length; i++) {
		if ((slice.text[i] | 0x20) != lower[i])
			return false;
	}
	return true;
}

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Without blanks around. */
static inline struct slice slice_trim(struct slice slice)
{
	while (slice.length && is_blank(slice.text[0])) {
		slice.text++;
		slice.length--;
	}
	while (slice.length && is_blank(slice.text[slice.length - 1]))
		slice.length--;
	return slice;
}

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
