/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* One disk in memory behind <ferrule/block.h>: loaded from an image file, "vda". */

#ifndef HOST_BLOCK_H
#define HOST_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern uint8_t *host_disk; /* its bytes */
extern size_t host_disk_bytes;
extern bool host_disk_read_only;
extern unsigned host_disk_requests; /* counted */
extern unsigned host_disk_flushes;  /* as well */
extern long host_disk_budget;	    /* requests before all fail; -1: none fails */

void host_disk_load(const char *image);
void host_disk_save(const char *image);
void host_disk_free(void);

#endif
