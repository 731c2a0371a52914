/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#ifndef HTTPD_LISTING_H
#define HTTPD_LISTING_H

#include "text.h"

/* Appends an HTML page that lists the directory `folder`, known to clients as `path`
 * (decoded, ends in "/"). Names that begin with a dot are left out. 0 or -errno. */
int listing_write(struct text *out, const char *folder, const char *path);

#endif
