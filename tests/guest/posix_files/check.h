/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>

void check(bool good, const char *name);

void test_descriptors(void);
void test_pipes(void);
void test_polling(void);
void test_epoll(void);
void test_times(void);
void test_tree(void);

#endif
