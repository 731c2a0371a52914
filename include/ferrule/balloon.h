/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The memory balloon: memory that the host asked back. A program that refers to this has
 * the driver in its image; the host then takes and gives memory (QEMU's `balloon`
 * command), is told of memory that lies idle, and sees the guest's memory statistics.
 *
 * The guest keeps what it needs: the balloon stops growing when free memory falls to a
 * floor, an eighth of all RAM or 2 MiB if that is more (`balloon_floor=BYTES`). */

#ifndef FERRULE_BALLOON_H
#define FERRULE_BALLOON_H

#include <stdbool.h>
#include <stdint.h>

struct ferrule_balloon_info {
	uint64_t target_bytes;	  /* what the host asks for */
	uint64_t held_bytes;	  /* what it has */
	uint64_t reported_bytes;  /* idle memory it was told of, in all */
	uint64_t hinted_bytes;	  /* given away till the end of a migration */
	uint64_t reclaimed_bytes; /* taken back because memory ran out, in all */
};

/* False: there is no balloon. Context: any. */
bool ferrule_balloon_info(struct ferrule_balloon_info *out);

#endif
