/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Boot's one-time handing over of the boot map to the page allocator. */

#ifndef KERNEL_MEMORY_H
#define KERNEL_MEMORY_H

/* Maps all RAM of boot_info and gives what is not reserved to page.c. */
void memory_init(void);

#endif
