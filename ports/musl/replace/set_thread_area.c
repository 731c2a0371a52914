/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The thread pointer register is the kernel's to load: it is part of a thread's state. */

#include "pthread_impl.h"

void posix_set_thread_pointer(void *pointer);

int __set_thread_area(void *pointer)
{
	posix_set_thread_pointer(pointer);
	return 0;
}
