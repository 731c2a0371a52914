/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Dates as HTTP writes them (RFC 9110 §5.6.7). */

#ifndef HTTPD_DATE_H
#define HTTPD_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define HTTP_DATE_BYTES 29 /* without the final NUL */

void http_date_format(time_t when, char out[HTTP_DATE_BYTES + 1]);
/* Reads any of the three forms a recipient must accept; false: it is none of them. */
bool http_date_parse(const char *text, size_t length, time_t *when);

#endif
