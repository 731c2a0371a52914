/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The files of lwIP that every packet goes through, as one, so that the compiler sees
 * through their small functions. */

#include "core/inet_chksum.c"
#include "core/ip.c"
#include "core/ipv4/etharp.c"
#include "core/ipv4/icmp.c"
#include "core/ipv4/ip4.c"
#include "core/ipv4/ip4_addr.c"
#include "core/pbuf.c"
#include "core/raw.c"
#include "core/udp.c"
#include "netif/ethernet.c"
