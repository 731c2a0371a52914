/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What of a file a request asks for: preconditions (RFC 9110 §13) and ranges (§14). */

#ifndef HTTPD_SELECT_H
#define HTTPD_SELECT_H

#include <stdint.h>
#include <time.h>
#include "request.h"

struct selection {
	int status; /* 200, 206, 304, 412, 416 */
	uint64_t offset, bytes;
};

/* For a representation of `size` bytes with that entity tag and date. */
void select_part(const struct request *request, uint64_t size, const char *etag,
		 time_t modified, struct selection *out);

#endif
