/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Application memory: the lower half of the address space. */

#ifndef POSIX_MEM_H
#define POSIX_MEM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The bounds of the mapping that holds address; false: nothing is mapped there. */
_Bool mem_extent(uintptr_t address, uintptr_t *start, uintptr_t *end);

long sys_mmap(void *hint, size_t bytes, int protection, int flags, int fd, off_t offset);
long sys_munmap(void *start, size_t bytes);
long sys_mprotect(void *start, size_t bytes, int protection);
long sys_madvise(void *start, size_t bytes, int advice);
long sys_mremap(void *old, size_t old_bytes, size_t bytes, int flags, void *fixed);
long sys_brk(void *end);

#endif
