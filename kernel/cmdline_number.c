/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Numbers as values of the command line. */

#include <string.h>
#include <kernel/cmdline.h>

/* Past the digits; NULL: there is none, or the number does not fit. */
static const char *digits(const char *text, uint64_t *out)
{
	const char *at = text;

	*out = 0;
	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(*out, 10, out) ||
		    __builtin_add_overflow(*out, (uint64_t)(*at - '0'), out))
			return NULL;
	return at == text ? NULL : at;
}

bool cmdline_number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	uint64_t number;
	const char *after = digits(text, &number);

	if (!after || *after || number < least || number > most)
		return false;
	*out = number;
	return true;
}

bool cmdline_bytes(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	static const char units[] = "KMG";
	uint64_t number;
	const char *after = digits(text, &number);
	const char *unit = after && *after ? strchr(units, *after) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;

	if (!after || after[unit != NULL] || number > UINT64_MAX >> shift)
		return false;
	number <<= shift;
	if (number < least || number > most)
		return false;
	*out = number;
	return true;
}
