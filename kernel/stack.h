/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Kernel stacks in the STACK_BASE region, each with an unmapped guard below it. The top
 * is mapped at once, the rest by thread_stack_fault() when it is touched. */

#ifndef KERNEL_STACK_H
#define KERNEL_STACK_H

#include <stddef.h>

/* *bytes is rounded up to what is given. The lowest address, or NULL without memory. */
void *stack_alloc(size_t *bytes);
/* Never by a thread that stands on it. */
void stack_free(void *stack, size_t bytes);

#endif
