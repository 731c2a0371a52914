/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Sockets between guest and host without a network: AF_VSOCK of <linux/vm_sockets.h>,
 * SOCK_STREAM and, where the device has it, SOCK_SEQPACKET. A program that refers to this
 * has them. */

#ifndef FERRULE_VSOCK_H
#define FERRULE_VSOCK_H

#include <stdint.h>

/* The guest's context id; 0: there is no device. Context: any. */
uint64_t ferrule_vsock_cid(void);

#endif
