/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sockets.c: what AF_VSOCK sockets stand on, for one thread, and a program's use of them. */

#ifndef FUZZ_SOCKETS_H
#define FUZZ_SOCKETS_H

#include <posix/socket.h>

/* For vsock_attach(). */
void fuzz_attention(void);
/* The port it has, or one that nobody has. */
uint32_t fuzz_port(struct socket *socket);
/* Some call; one that closes it clears *socket. The call's result. */
long fuzz_socket(struct socket **socket, unsigned call, void *memory, size_t bytes);

#endif
