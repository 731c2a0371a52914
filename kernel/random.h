/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the random generator asks of the layer above it, which drives the hypervisor's
 * entropy device. What an application asks of the generator is <ferrule/entropy.h>. */

#ifndef KERNEL_RANDOM_H
#define KERNEL_RANDOM_H

#include <stdbool.h>

/* Given by virtio/device/rng.c. Asks every entropy device for fresh bytes, which arrive
 * some time later through ferrule_entropy_mix(); false: there is no such device. Any
 * context; never waits. */
bool random_source_request(void);

#endif
