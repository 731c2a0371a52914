/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Echoes on UDP and TCP port 7 (or the argument): each datagram, and what comes on each of
 * several connections. Ends when a datagram is "end". */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 32

static char buffer[65536];

/* A socket for IPv6 and IPv4 alike, or for IPv4 if there is no other. */
static int serve(int type, int port)
{
	struct sockaddr_in6 any6 = { .sin6_family = AF_INET6,
				     .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in any4 = { .sin_family = AF_INET,
				    .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET6, type, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&any6, sizeof(any6))) {
		close(fd);
		fd = -1;
	}
	if (fd < 0) {
		fd = socket(AF_INET, type, 0);
		if (fd < 0 || bind(fd, (struct sockaddr *)&any4, sizeof(any4))) {
			perror("echo");
			exit(1);
		}
	}
	if (type == SOCK_STREAM && listen(fd, CONNECTIONS)) {
		perror("listen");
		exit(1);
	}
	return fd;
}

/* false: the host said "end". */
static int datagram(int fd)
{
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);
	ssize_t bytes = recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&from,
				 &length);

	if (bytes < 0)
		return 1;
	sendto(fd, buffer, (size_t)bytes, 0, (struct sockaddr *)&from, length);
	return bytes != 3 || memcmp(buffer, "end", 3);
}

/* false: the connection is over. */
static int stream(int fd)
{
	ssize_t bytes = recv(fd, buffer, sizeof(buffer), 0), done = 0;

	while (done < bytes) {
		ssize_t sent = send(fd, buffer + done, (size_t)(bytes - done),
				    MSG_NOSIGNAL);

		if (sent < 0)
			return 0;
		done += sent;
	}
	return bytes > 0;
}

int main(int argc, char **argv)
{
	int port = argc > 1 ? atoi(argv[1]) : 7, one = 1, going = 1;
	struct pollfd watched[2 + CONNECTIONS] = { { serve(SOCK_DGRAM, port), POLLIN, 0 },
						   { serve(SOCK_STREAM, port), POLLIN,
						     0 } };
	nfds_t count = 2;

	printf("SERVING %d\n", port);
	fflush(stdout);
	while (going) {
		if (poll(watched, count, -1) < 0) {
			perror("poll");
			return 1;
		}
		if (watched[0].revents)
			going = datagram(watched[0].fd);
		for (nfds_t i = count; i-- > 2;)
			if (watched[i].revents && !stream(watched[i].fd)) {
				close(watched[i].fd);
				watched[i] = watched[--count];
			}
		if (watched[1].revents && count < 2 + CONNECTIONS) {
			int fd = accept(watched[1].fd, NULL, NULL);

			if (fd >= 0) {
				setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
					   sizeof(one));
				watched[count++] = (struct pollfd){ fd, POLLIN, 0 };
			}
		}
	}
	printf("echo ends\n");
	return 0;
}
