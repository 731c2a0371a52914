/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The interrupt controller on the host: what was routed where. */

#include <errno.h>
#include <arch/interrupt.h>

struct host_line host_lines[HOST_LINES];

void arch_msi_message(unsigned vector, struct msi_message *message)
{
	*message = (struct msi_message){ 0xfee00000, vector };
}

int arch_line_route(unsigned gsi, unsigned vector)
{
	if (gsi >= HOST_LINES)
		return -ENODEV;
	host_lines[gsi] = (struct host_line){ vector, false };
	return 0;
}

void arch_line_mask(unsigned gsi, bool masked)
{
	if (gsi < HOST_LINES)
		host_lines[gsi].masked = masked;
}
