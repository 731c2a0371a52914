/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>

/* Prints "PASS name" or "FAIL name"; counts the failures. */
void check(bool good, const char *name);

void test_memory(void);
void test_threads(void);
void test_time(void);
void test_process(void);
void test_signals(void);

#endif
