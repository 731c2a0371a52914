/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* From a request target to a path in the tree. */

#ifndef HTTPD_TARGET_H
#define HTTPD_TARGET_H

#include <stddef.h>
#include "text.h"

#define TARGET_MAX 4096 /* longer ones are answered with 414 */

/* Takes the path of an origin-form or absolute-form target (RFC 9112 §3.2), decodes it and
 * removes "." and ".." and repeated slashes. The result begins with "/", has no segment
 * "." or "..", ends in "/" if it names a directory, and ends with a NUL; its length, or
 * -status: 400 for what is malformed, holds a NUL or climbs above the root; 414 when too
 * long. *query: what follows the path, with its "?", or empty. */
int target_normalise(struct slice target, char out[TARGET_MAX + 1], struct slice *query);

#endif
