/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#ifndef HTTPD_TYPES_H
#define HTTPD_TYPES_H

/* The Content-Type for a file name, by its extension. */
const char *content_type(const char *name);

#endif
