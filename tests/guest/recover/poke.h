/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What no application can do: breaking a live device from within. */

#ifndef RECOVER_POKE_H
#define RECOVER_POKE_H

#include <stdbool.h>

/* Tells the device of a buffer that cannot be, so that it asks for a reset. */
bool poke_device(const char *name, unsigned queue);
/* Breaks a rule in that queue in the device's name: its driver finds it in an interrupt, where
 * the driver looks for what was used there; else it is told. */
bool poke_queue(const char *name, unsigned queue);

#endif
