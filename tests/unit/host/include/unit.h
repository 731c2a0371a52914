/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* cmocka with the headers it expects before it. */

#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define array_count(array) (sizeof(array) / sizeof((array)[0]))

#endif
