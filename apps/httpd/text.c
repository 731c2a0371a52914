/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include "text.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool slice_next(struct slice *list, struct slice *element)
{
	while (list->length) {
		const char *comma = memchr(list->text, ',', list->length);
		size_t length = comma ? (size_t)(comma - list->text) : list->length;
		size_t step = comma ? length + 1 : length;

		*element = slice_trim((struct slice){ list->text, length });
		list->text += step;
		list->length -= step;
		if (element->length)
			return true;
	}
	return false;
}

static bool text_reserve(struct text *text, size_t more)
{
	size_t capacity = text->capacity ? text->capacity : 512;
	char *data;

	if (text->failed)
		return false;
	if (text->length + more <= text->capacity)
		return true;
	while (capacity < text->length + more)
		capacity *= 2;
	data = realloc(text->data, capacity);
	if (!data) {
		text->failed = true;
		return false;
	}
	text->data = data;
	text->capacity = capacity;
	return true;
}

void text_add(struct text *text, const char *data, size_t length)
{
	if (!text_reserve(text, length))
		return;
	memcpy(text->data + text->length, data, length);
	text->length += length;
}

void text_string(struct text *text, const char *string)
{
	text_add(text, string, strlen(string));
}

void text_format(struct text *text, const char *fmt, ...)
{
	va_list args;
	int length;

	va_start(args, fmt);
	length = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (length < 0 || !text_reserve(text, (size_t)length + 1))
		return;
	va_start(args, fmt);
	vsnprintf(text->data + text->length, (size_t)length + 1, fmt, args);
	va_end(args);
	text->length += (size_t)length;
}

void text_html(struct text *text, const char *string)
{
	for (; *string; string++) {
		unsigned char c = (unsigned char)*string;

		switch (c) {
		case '&':
			text_string(text, "&amp;");
			break;
		case '<':
			text_string(text, "&lt;");
			break;
		case '>':
			text_string(text, "&gt;");
			break;
		case '"':
			text_string(text, "&quot;");
			break;
		case '\'':
			text_string(text, "&#39;");
			break;
		default:
			if (c < 0x20 || c == 0x7f) /* not allowed in HTML: shown as "?" */
				text_string(text, "?");
			else
				text_add(text, string, 1);
		}
	}
}

void text_url(struct text *text, const char *string)
{
	static const char hex[] = "0123456789ABCDEF";
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~/";

	for (; *string; string++) {
		unsigned char c = (unsigned char)*string;

		if (strchr(plain, c)) {
			text_add(text, string, 1);
		} else {
			char coded[3] = { '%', hex[c >> 4], hex[c & 15] };

			text_add(text, coded, 3);
		}
	}
}
