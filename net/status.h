/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The one entry of the linker set net_status; net/stack.c brings it in. */

#ifndef NET_STATUS_H
#define NET_STATUS_H

#include <net/net.h>

extern const struct net_status net_status;

#endif
