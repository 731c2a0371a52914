/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include "select.h"
#include <string.h>
#include "date.h"

static bool date_of(struct slice value, time_t *when)
{
	return value.text && http_date_parse(value.text, value.length, when);
}

/* Is etag in the list? Weak comparison takes W/"x" for "x" (§8.8.3.2); ours are strong. */
static bool etag_listed(struct slice list, const char *etag, bool weak)
{
	struct slice element;

	if (slice_equals(list, "*"))
		return true;
	while (slice_next(&list, &element)) {
		if (weak && element.length > 2 && !memcmp(element.text, "W/", 2)) {
			element.text += 2;
			element.length -= 2;
		}
		if (slice_equals(element, etag))
			return true;
	}
	return false;
}

/* In the order of §13.2.2. */
static int precondition(const struct request *request, const char *etag, time_t modified)
{
	time_t when;

	if (request->if_match.text) {
		if (!etag_listed(request->if_match, etag, false))
			return 412;
	} else if (date_of(request->if_unmodified_since, &when) && modified > when) {
		return 412;
	}
	if (request->if_none_match.text) {
		if (etag_listed(request->if_none_match, etag, true))
			return 304;
	} else if (date_of(request->if_modified_since, &when) && modified <= when) {
		return 304;
	}
	return 200;
}

/* If-Range: the range counts only if the client has this very representation (§13.1.5). */
static bool range_applies(const struct request *request, const char *etag,
			  time_t modified)
{
	struct slice value = request->if_range;
	time_t when;

	if (!value.text)
		return true;
	if (value.length && value.text[0] == '"')
		return slice_equals(value, etag);
	return date_of(value, &when) && when == modified;
}

/* Digits, saturating; false: there are none. */
static bool number(struct slice *text, uint64_t *value)
{
	bool any = false;

	*value = 0;
	while (text->length && text->text[0] >= '0' && text->text[0] <= '9') {
		uint64_t digit = (uint64_t)(text->text[0] - '0');

		*value = *value > (UINT64_MAX - digit) / 10 ? UINT64_MAX
							    : *value * 10 + digit;
		text->text++;
		text->length--;
		any = true;
	}
	return any;
}

enum range_kind { RANGE_INVALID, RANGE_UNSATISFIABLE, RANGE_PART, RANGE_WHOLE };

static enum range_kind parse_range(struct slice range, uint64_t size,
				   struct selection *out)
{
	uint64_t first, last = UINT64_MAX;
	bool has_first = number(&range, &first), has_last;

	if (!range.length || range.text[0] != '-')
		return RANGE_INVALID;
	range.text++;
	range.length--;
	has_last = number(&range, &last);
	if (range.length || (!has_first && !has_last))
		return RANGE_INVALID;
	if (!has_first) { /* the last bytes */
		if (!last)
			return RANGE_UNSATISFIABLE;
		if (!size)
			return RANGE_WHOLE; /* no Content-Range can name an empty part */
		out->bytes = last < size ? last : size;
		out->offset = size - out->bytes;
		return RANGE_PART;
	}
	if (has_last && first > last)
		return RANGE_INVALID;
	if (first >= size)
		return RANGE_UNSATISFIABLE;
	if (!has_last || last >= size)
		last = size - 1;
	out->offset = first;
	out->bytes = last - first + 1;
	return RANGE_PART;
}

/* One satisfiable range is honoured. A set of several with a satisfiable one is answered
 * with the whole file, as §14.2 allows; a set with none is unsatisfiable; a set that is
 * malformed anywhere is ignored. */
static int select_range(struct slice value, uint64_t size, struct selection *out)
{
	struct selection part = { 0 };
	struct slice range;
	unsigned ranges = 0, satisfiable = 0;

	if (value.length < 6 || !slice_is((struct slice){ value.text, 6 }, "bytes="))
		return 200;
	value.text += 6;
	value.length -= 6;
	while (slice_next(&value, &range)) {
		enum range_kind kind = parse_range(range, size, &part);

		if (kind == RANGE_INVALID)
			return 200;
		ranges++;
		if (kind == RANGE_WHOLE)
			ranges++;
		if (kind != RANGE_UNSATISFIABLE)
			satisfiable++;
	}
	if (!ranges)
		return 200;
	if (!satisfiable)
		return 416;
	if (ranges > 1)
		return 200;
	out->offset = part.offset;
	out->bytes = part.bytes;
	return 206;
}

void select_part(const struct request *request, uint64_t size, const char *etag,
		 time_t modified, struct selection *out)
{
	out->offset = 0;
	out->bytes = size;
	out->status = precondition(request, etag, modified);
	if (out->status == 200 && request->range.text && !request->head_only &&
	    range_applies(request, etag, modified))
		out->status = select_range(request->range, size, out);
	if (out->status == 304 || out->status == 412 || out->status == 416)
		out->bytes = 0;
}
