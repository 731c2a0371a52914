/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The plainest echo server: one blocking loop. The same file runs on Linux.
 *
 * Argument: udp (each datagram goes back) or tcp (one connection after the other). */

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 7

static char buffer[2048];

static void serve_udp(int fd)
{
	struct sockaddr_in from;

	for (;;) {
		socklen_t length = sizeof(from);
		ssize_t bytes = recvfrom(fd, buffer, sizeof(buffer), 0,
					 (struct sockaddr *)&from, &length);

		if (bytes >= 0)
			sendto(fd, buffer, (size_t)bytes, 0, (struct sockaddr *)&from,
			       length);
	}
}

static void serve_tcp(int listener)
{
	int one = 1;

	for (;;) {
		int fd = accept(listener, NULL, NULL);
		ssize_t bytes;

		if (fd < 0)
			continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		while ((bytes = recv(fd, buffer, sizeof(buffer), 0)) > 0)
			send(fd, buffer, (size_t)bytes, MSG_NOSIGNAL);
		close(fd);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int udp = argc > 1 && !strcmp(argv[1], "udp");
	int fd = socket(AF_INET, udp ? SOCK_DGRAM : SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) ||
	    (!udp && listen(fd, 8))) {
		perror("echo");
		return 1;
	}
	printf("SERVING\n");
	fflush(stdout);
	if (udp)
		serve_udp(fd);
	else
		serve_tcp(fd);
	return 0;
}
