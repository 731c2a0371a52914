/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include "target.h"
#include <string.h>
#include <strings.h>

/* Leaves the path and query of an absolute-form target: "http://host/path?query". */
static struct slice without_authority(struct slice target)
{
	size_t at;

	if (target.length && target.text[0] == '/')
		return target;
	if (target.length >= 7 && !strncasecmp(target.text, "http://", 7))
		at = 7;
	else if (target.length >= 8 && !strncasecmp(target.text, "https://", 8))
		at = 8;
	else
		return target;
	while (at < target.length && target.text[at] != '/' && target.text[at] != '?')
		at++;
	return (struct slice){ target.text + at, target.length - at };
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Ends the segment that began at out[start] (after a "/"): keeps it, or applies ".." and
 * ".". Returns the new length, at least 1; -1 above the root. */
static int end_segment(const char *out, int start, int length)
{
	int bytes = length - start;

	if (bytes == 1 && out[start] == '.')
		return start;
	if (bytes == 2 && out[start] == '.' && out[start + 1] == '.') {
		if (start == 1)
			return -1;
		for (start--; out[start - 1] != '/';)
			start--;
		return start;
	}
	return length;
}

int target_normalise(struct slice target, char out[TARGET_MAX + 1], struct slice *query)
{
	const char *at, *end;
	int start = 1, length = 1;

	target = without_authority(target);
	at = target.text;
	end = at + target.length;
	if (target.length > TARGET_MAX)
		return -414;
	if (at == end || (*at != '/' && *at != '?')) {
		if (at != end)
			return -400;
	} else if (*at == '/') {
		at++;
	}
	out[0] = '/';
	for (; at < end && *at != '?' && *at != '#'; at++) {
		char c = *at;

		if (c == '%') {
			int high = end - at > 2 ? hex_digit(at[1]) : -1;
			int low = end - at > 2 ? hex_digit(at[2]) : -1;

			if (high < 0 || low < 0)
				return -400;
			c = (char)(high << 4 | low);
			at += 2;
			if (!c)
				return -400;
		}
		if (c != '/') {
			out[length++] = c;
			continue;
		}
		length = end_segment(out, start, length);
		if (length < 1)
			return -400;
		if (out[length - 1] != '/')
			out[length++] = '/';
		start = length;
	}
	length = end_segment(out, start, length);
	if (length < 1)
		return -400;
	out[length] = '\0';
	if (at < end && *at == '#') /* a fragment is never sent (RFC 9112 §3.2) */
		return -400;
	*query = (struct slice){ at, (size_t)(end - at) };
	return length;
}
