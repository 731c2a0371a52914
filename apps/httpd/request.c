/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include "request.h"
#include <string.h>

enum { TOKEN = 1, GRAPH = 2, VALUE = 4 };

/* What each byte may be part of: a token (RFC 9110 §5.6.2), a target, a field value.
 * Targets may hold raw bytes above 127: common clients send them. */
static const unsigned char classes[256] = {
	['\t'] = VALUE,
	[' '] = VALUE,
	['!'] = TOKEN | GRAPH | VALUE,
	['"'] = GRAPH | VALUE,
	['#' ... '\''] = TOKEN | GRAPH | VALUE,
	['(' ... ')'] = GRAPH | VALUE,
	['*' ... '+'] = TOKEN | GRAPH | VALUE,
	[','] = GRAPH | VALUE,
	['-' ... '.'] = TOKEN | GRAPH | VALUE,
	['/'] = GRAPH | VALUE,
	['0' ... '9'] = TOKEN | GRAPH | VALUE,
	[':' ... '@'] = GRAPH | VALUE,
	['A' ... 'Z'] = TOKEN | GRAPH | VALUE,
	['[' ... ']'] = GRAPH | VALUE,
	['^' ... 'z'] = TOKEN | GRAPH | VALUE,
	['{'] = GRAPH | VALUE,
	['|'] = TOKEN | GRAPH | VALUE,
	['}'] = GRAPH | VALUE,
	['~'] = TOKEN | GRAPH | VALUE,
	[0x80 ... 0xff] = GRAPH | VALUE,
};

static const char *span(const char *at, unsigned char class)
{
	while (classes[(unsigned char)*at] & class)
		at++;
	return at;
}

/* Length of the newline at `at`: "\r\n" or "\n"; 0: there is none. */
static size_t empty_line(const char *at, const char *end)
{
	if (at < end && *at == '\n')
		return 1;
	if (end - at >= 2 && at[0] == '\r' && at[1] == '\n')
		return 2;
	return 0;
}

static size_t leading_empty_lines(const char *data, size_t length)
{
	size_t at = 0, step;

	while ((step = empty_line(data + at, data + length)))
		at += step;
	return at;
}

size_t request_head_end(const char *data, size_t length, size_t *scanned)
{
	size_t at = *scanned ? *scanned : leading_empty_lines(data, length);
	const char *newline;

	while ((newline = memchr(data + at, '\n', length - at))) {
		size_t after = (size_t)(newline + 1 - data);
		size_t step = empty_line(newline + 1, data + length);

		if (step)
			return after + step;
		if (length - after < 2)
			break; /* what comes next may make it the last line */
		at = after;
	}
	*scanned = newline ? (size_t)(newline - data) : length;
	return 0;
}

int request_hopeless(const char *data, size_t length)
{
	size_t at = leading_empty_lines(data, length);

	if (at < length && data[at] == '\r')
		at++; /* the rest of an empty line may still come */
	for (size_t i = at; i < length && i < at + 16; i++) {
		if (data[i] == ' ')
			return i == at ? 400 : 0;
		if (!(classes[(unsigned char)data[i]] & TOKEN))
			return 400;
	}
	return 0;
}

/* The line's end without its terminator; *next: the following line. The head ends in an
 * empty line, so there is a newline. */
static const char *line_end(const char *at, const char *end, const char **next)
{
	const char *newline = memchr(at, '\n', (size_t)(end - at));

	*next = newline + 1;
	return newline > at && newline[-1] == '\r' ? newline - 1 : newline;
}

static int parse_method(struct slice method, struct request *out)
{
	static const char *const known[] = { "POST",	"PUT",	    "DELETE", "OPTIONS",
					     "CONNECT", "TRACE",    "PATCH",  "PROPFIND",
					     "MKCOL",	"MOVE",	    "COPY",   "LOCK",
					     "UNLOCK",	"PROPPATCH" };

	out->head_only = slice_equals(method, "HEAD");
	if (out->head_only || slice_equals(method, "GET"))
		return 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (slice_equals(method, known[i]))
			return 405;
	}
	return 501;
}

/* "HTTP/" DIGIT "." DIGIT (RFC 9112 §2.3) */
static int parse_version(const char *at, const char *end, struct request *out)
{
	if (end - at != 8 || memcmp(at, "HTTP/", 5) || at[5] < '0' || at[5] > '9' ||
	    at[6] != '.' || at[7] < '0' || at[7] > '9')
		return 400;
	if (at[5] != '1')
		return 505;
	out->http10 = at[7] == '0';
	return 0;
}

static int parse_request_line(const char *at, const char *end, struct request *out)
{
	const char *token = span(at, TOKEN);
	const char *target;
	int status;

	out->line = (struct slice){ at, (size_t)(end - at) };
	if (token == at || *token != ' ')
		return 400;
	target = token + 1;
	out->target.text = target;
	out->target.length = (size_t)(span(target, GRAPH) - target);
	if (!out->target.length || target[out->target.length] != ' ')
		return 400;
	status = parse_version(target + out->target.length + 1, end, out);
	if (status)
		return status;
	return parse_method((struct slice){ at, (size_t)(token - at) }, out);
}

static int parse_content_length(struct slice value, struct request *out)
{
	uint64_t number = 0;

	if (out->length_given || !value.length)
		return 400;
	out->length_given = true;
	for (size_t i = 0; i < value.length; i++) {
		if (value.text[i] < '0' || value.text[i] > '9')
			return 400;
		if (number <= UINT64_MAX / 20) /* beyond that it is too large anyway */
			number = number * 10 + (uint64_t)(value.text[i] - '0');
	}
	out->content_length = number;
	return 0;
}

static void parse_connection(struct slice value, struct request *out)
{
	struct slice option;

	while (slice_next(&value, &option)) {
		if (slice_is(option, "close"))
			out->keep_alive = false;
		else if (slice_is(option, "keep-alive") && out->http10)
			out->keep_alive = true;
	}
}

static void first(struct slice *field, struct slice value)
{
	if (!field->text)
		*field = value;
}

/* Only names of a length that means something are compared. */
static int parse_field(struct slice name, struct slice value, struct request *out)
{
	switch (name.length) {
	case 4:
		if (slice_is(name, "host"))
			out->hosts++;
		break;
	case 5:
		if (slice_is(name, "range"))
			first(&out->range, value);
		break;
	case 6:
		if (slice_is(name, "expect"))
			out->expects = true;
		break;
	case 8:
		if (slice_is(name, "if-range"))
			first(&out->if_range, value);
		else if (slice_is(name, "if-match"))
			first(&out->if_match, value);
		break;
	case 10:
		if (slice_is(name, "connection"))
			parse_connection(value, out);
		break;
	case 13:
		if (slice_is(name, "if-none-match"))
			first(&out->if_none_match, value);
		break;
	case 14:
		if (slice_is(name, "content-length"))
			return parse_content_length(value, out);
		break;
	case 17:
		if (slice_is(name, "if-modified-since")) {
			first(&out->if_modified_since, value);
		} else if (slice_is(name, "transfer-encoding")) {
			out->chunked = !out->encoded && slice_is(value, "chunked");
			out->encoded = true;
		}
		break;
	case 19:
		if (slice_is(name, "if-unmodified-since"))
			first(&out->if_unmodified_since, value);
		break;
	}
	return 0;
}

static int parse_fields(const char *at, const char *end, struct request *out)
{
	while (!empty_line(at, end)) {
		const char *colon = span(at, TOKEN);
		struct slice name = { at, (size_t)(colon - at) }, value;
		size_t newline;
		int status;

		/* Also refuses folded lines and blanks before the colon (§5.1, §5.2). */
		if (!name.length || *colon != ':')
			return 400;
		value.text = colon + 1;
		at = span(value.text, VALUE);
		value.length = (size_t)(at - value.text);
		newline = empty_line(at, end);
		if (!newline)
			return 400;
		at += newline;
		status = parse_field(name, slice_trim(value), out);
		if (status)
			return status;
	}
	return 0;
}

/* How a body is told apart from the next request (RFC 9112 §6.3). */
static int check_framing(struct request *out)
{
	if (out->encoded && (out->length_given || out->http10))
		return 400;
	if (out->encoded)
		return out->chunked ? 411 : 501;
	if (out->content_length > REQUEST_BODY_MAX)
		return 413;
	if (out->expects && out->content_length)
		out->keep_alive = false; /* we answer at once: the body may never come */
	return 0;
}

int request_parse(const char *head, size_t length, struct request *out)
{
	const char *end = head + length, *next, *line;
	int status, later;

	memset(out, 0, sizeof(*out));
	head += leading_empty_lines(head, length);
	if (head == end)
		return 400;
	line = line_end(head, end, &next);
	status = parse_request_line(head, line, out);
	if (status && status != 405 && status != 501)
		return status;
	out->keep_alive = !out->http10;
	later = parse_fields(next, end, out);
	if (!later && (out->hosts > 1 || (!out->hosts && !out->http10)))
		later = 400;
	if (!later && !status)
		later = check_framing(out);
	return later ? later : status;
}
