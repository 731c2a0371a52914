/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Random bytes: a ChaCha20 generator, seeded from the hypervisor's entropy device and the
 * CPU's generator, and reseeded as it is used.
 *
 * Context: any. Never blocks; before the first good seed it answers from what it has, and
 * ferrule_entropy_ready() says so. */

#ifndef FERRULE_ENTROPY_H
#define FERRULE_ENTROPY_H

#include <stdbool.h>
#include <stddef.h>

void ferrule_entropy_read(void *out, size_t bytes);
bool ferrule_entropy_ready(void);
/* Mixes bytes in; counts_as_seed: they are unpredictable (a hardware source). */
void ferrule_entropy_mix(const void *bytes, size_t count, bool counts_as_seed);

#endif
