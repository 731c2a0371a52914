/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#define _DEFAULT_SOURCE /* timegm */

#include "date.h"
#include <stdio.h>
#include <string.h>

static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
				    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

void http_date_format(time_t when, char out[HTTP_DATE_BYTES + 1])
{
	struct tm tm;
	char text[96]; /* wide enough for any struct tm, so that nothing can be cut */

	/* The form has four digits for the year: later or earlier times are clamped. */
	if (when < 0)
		when = 0;
	if ((long long)when > 253402300799LL)
		when = (time_t)253402300799LL;
	gmtime_r(&when, &tm);
	snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT",
		 days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
		 tm.tm_hour, tm.tm_min, tm.tm_sec);
	memcpy(out, text, HTTP_DATE_BYTES);
	out[HTTP_DATE_BYTES] = '\0';
}

static bool month_number(const char *name, int *month)
{
	for (int i = 0; i < 12; i++) {
		if (!memcmp(name, months[i], 3)) {
			*month = i;
			return true;
		}
	}
	return false;
}

/* Two-digit years more than 50 years ahead mean the past century. */
static int full_year(int two_digits)
{
	time_t now = time(NULL);
	struct tm tm;
	int year;

	gmtime_r(&now, &tm);
	year = (tm.tm_year + 1900) / 100 * 100 + two_digits;
	return year > tm.tm_year + 1900 + 50 ? year - 100 : year;
}

bool http_date_parse(const char *text, size_t length, time_t *when)
{
	struct tm tm = { 0 };
	char copy[40], month[4];
	int end = 0;

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (strlen(copy) != length)
		return false;

	if (sscanf(copy, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &tm.tm_mday,
		   month, &tm.tm_year, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &end) == 6 &&
	    end == (int)length)
		;
	else if (sscanf(copy, "%*[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n",
			&tm.tm_mday, month, &tm.tm_year, &tm.tm_hour, &tm.tm_min,
			&tm.tm_sec, &end) == 6 &&
		 end == (int)length)
		tm.tm_year = full_year(tm.tm_year);
	else if (sscanf(copy, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n", month,
			&tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &tm.tm_year,
			&end) == 6 &&
		 end == (int)length)
		;
	else
		return false;
	if (!month_number(month, &tm.tm_mon) || tm.tm_mday < 1 || tm.tm_mday > 31 ||
	    tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60 || tm.tm_hour < 0 ||
	    tm.tm_min < 0 || tm.tm_sec < 0)
		return false;
	tm.tm_year -= 1900;
	*when = timegm(&tm);
	return true;
}
