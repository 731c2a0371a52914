/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Answers: status line, header fields, and what body follows. */

#ifndef HTTPD_RESPONSE_H
#define HTTPD_RESPONSE_H

#include <stdint.h>
#include "request.h"
#include "resource.h"

/* Bodies of up to this go out with their header; of longer ones the connection sends
 * piece after piece. */
#define RESPONSE_INLINE (16 * 1024)

struct response {
	int status;
	uint64_t bytes;		     /* of the body */
	struct resource *body;	     /* with a reference, or NULL: nothing left to send */
	uint64_t offset, bytes_left; /* of the body, still to be sent by the connection */
};

/* Once a second, or when it may have passed: writes the Date. */
void response_date(int64_t now_ms);

/* Answers a request that was parsed, into the output. */
void response_make(const struct request *request, int64_t now_ms, struct response *out);
/* Answers with an error page. keep_alive false: says that the connection closes. */
void response_error(int status, bool head_only, bool keep_alive, struct response *out);

#endif
