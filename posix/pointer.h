/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Pointers that applications hand to system calls. They share our address space, so a
 * stray one is caught by the MMU; the obvious ones are answered with -EFAULT. */

#ifndef POSIX_POINTER_H
#define POSIX_POINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <arch/mmu.h>

/* Page 0, which is never mapped, and addresses outside both canonical halves. */
static inline bool pointer_is_bad(const void *pointer)
{
	uintptr_t address = (uintptr_t)pointer;

	return address < PAGE_BYTES || (address >= USER_END && address < DIRECT_MAP_BASE);
}

/* The same for a buffer, which may be NULL when it is empty. */
static inline bool buffer_is_bad(const void *buffer, size_t bytes)
{
	return bytes && (pointer_is_bad(buffer) ||
			 (uintptr_t)buffer + bytes - 1 < (uintptr_t)buffer);
}

#endif
