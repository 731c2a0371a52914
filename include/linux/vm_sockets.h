/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* AF_VSOCK as programs for Linux know it. An address is a context id, CID, and a port; the
 * host is CID 2. An image speaks it if it refers to ferrule_vsock_cid() of
 * <ferrule/vsock.h> (in app.mk: `LINK := ferrule_vsock_cid`). */

#ifndef LINUX_VM_SOCKETS_H
#define LINUX_VM_SOCKETS_H

#include <sys/socket.h>

#define VMADDR_CID_ANY	 (-1U)
#define VMADDR_CID_LOCAL 1
#define VMADDR_CID_HOST	 2
#define VMADDR_PORT_ANY	 (-1U)

/* Options of level AF_VSOCK: uint64_t, and struct timeval for the timeout. */
#define SO_VM_SOCKETS_BUFFER_SIZE	  0
#define SO_VM_SOCKETS_BUFFER_MIN_SIZE	  1
#define SO_VM_SOCKETS_BUFFER_MAX_SIZE	  2
#define SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD 6
#define SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW 8
#define SO_VM_SOCKETS_CONNECT_TIMEOUT	  SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD

/* svm_flags: a hint, as from a guest all goes to the host */
#define VMADDR_FLAG_TO_HOST 0x01

struct sockaddr_vm {
	sa_family_t svm_family;
	unsigned short svm_reserved1;
	unsigned int svm_port;
	unsigned int svm_cid;
	unsigned char svm_flags;
	unsigned char svm_zero[3];
};

#endif
