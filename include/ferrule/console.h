/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Console ports: port 0 is the console; others are named byte channels to the host
 * (`-device virtserialport,name=org.example.0`).
 *
 * Errors: a count, 0, or a negative errno. */

#ifndef FERRULE_CONSOLE_H
#define FERRULE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ferrule_port;

/* By the name the host gave it, or "port0", "port1", …; waits up to timeout_ns for the
 * host to announce it (ports are announced some time after boot). NULL: no such port. A
 * port that the host takes away is closed for good, though it may add another under that
 * number: find that one. */
struct ferrule_port *ferrule_port_find(const char *name, uint64_t timeout_ns);

/* Reads what is there, at least one byte; sleeps until the deadline while there is none.
 * 0: the host closed it and all was read; -ETIMEDOUT. -EBUSY: what comes in by port 0
 * goes to the console. */
long ferrule_port_read(struct ferrule_port *port, void *data, size_t bytes,
		       uint64_t deadline_ns);
/* Writes all; sleeps while the host does not read, until the deadline: then the count
 * written so far, or -ETIMEDOUT if nothing was. -EPIPE: the host closed it. */
long ferrule_port_write(struct ferrule_port *port, const void *data, size_t bytes,
			uint64_t deadline_ns);
bool ferrule_port_host_open(struct ferrule_port *port);

struct ferrule_console_size {
	uint16_t columns, rows; /* 0: unknown */
};
struct ferrule_console_size ferrule_console_size(void);

#endif
