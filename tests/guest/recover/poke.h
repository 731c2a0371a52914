/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What no application can do: breaking a live device from within. */

#ifndef RECOVER_POKE_H
#define RECOVER_POKE_H

#include <stdbool.h>

/* Tells the device of a buffer that cannot be, so that it asks for a reset. */
bool poke_device(const char *name, unsigned queue);
/* Treats that queue as if the device had broken a rule in it. */
bool poke_queue(const char *name, unsigned queue);

#endif
