/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* AF_VSOCK, as a program for Linux uses it:
 *
 *	echo		connects to the host's port 1234 and returns what comes, to the end
 *	serve		takes connections on port 4000, one after the other, and echoes
 *	flood BYTES	connects and sends that many bytes of a pattern
 *	errors		what must fail, fails in the right way */

#include <errno.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <ferrule/vsock.h>

static char data[200000];

static struct sockaddr_vm address(unsigned cid, unsigned port)
{
	struct sockaddr_vm out = { .svm_family = AF_VSOCK,
				   .svm_cid = cid,
				   .svm_port = port };

	return out;
}

static int dial(unsigned port)
{
	struct sockaddr_vm host = address(VMADDR_CID_HOST, port);
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&host, sizeof(host))) {
		printf("connect: %s\n", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static long echo(int fd)
{
	long total = 0;
	ssize_t n;

	while ((n = recv(fd, data, sizeof(data), 0)) > 0) {
		for (ssize_t done = 0, m; done < n; done += m) {
			m = send(fd, data + done, (size_t)(n - done), MSG_NOSIGNAL);
			if (m < 0) {
				printf("send: %s\n", strerror(errno));
				return total;
			}
		}
		total += n;
	}
	if (n < 0)
		printf("recv: %s\n", strerror(errno));
	return total;
}

static int serve(void)
{
	struct sockaddr_vm here = address(VMADDR_CID_ANY, 4000), peer;
	socklen_t bytes;
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof(here)) || listen(fd, 8)) {
		printf("listen: %s\n", strerror(errno));
		return 1;
	}
	puts("listening");
	for (;;) {
		int client;

		bytes = sizeof(peer);
		client = accept(fd, (struct sockaddr *)&peer, &bytes);
		if (client < 0) {
			printf("accept: %s\n", strerror(errno));
			return 1;
		}
		printf("connection from %u port %u\n", peer.svm_cid, peer.svm_port);
		printf("echoed %ld bytes\n", echo(client));
		close(client);
	}
}

static int flood(long bytes)
{
	int fd = dial(1234);
	long sent = 0;

	if (fd < 0)
		return 1;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 31 >> 3);
	while (sent < bytes) {
		size_t at = (size_t)sent % sizeof(data), n = sizeof(data) - at;
		ssize_t m;

		if ((long)n > bytes - sent)
			n = (size_t)(bytes - sent);
		m = send(fd, data + at, n, MSG_NOSIGNAL);
		if (m < 0) {
			printf("send after %ld: %s\n", sent, strerror(errno));
			return 1;
		}
		sent += m;
	}
	shutdown(fd, SHUT_WR);
	printf("flooded %ld, then read %zd\n", sent, recv(fd, data, 1, 0));
	close(fd);
	return 0;
}

static void expect(const char *what, long result, int error)
{
	if (error ? result == -1 && errno == error : result >= 0)
		printf("%s: right\n", what);
	else
		printf("%s: WRONG: %ld, %s\n", what, result, strerror(errno));
}

static void options(int fd)
{
	unsigned long long size = 4096, most = 0;
	struct timeval time = { .tv_usec = 300000 };
	socklen_t bytes = sizeof(most);

	expect("buffer",
	       setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &size, sizeof(size)),
	       0);
	expect("buffer, short",
	       setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &size, 4), EINVAL);
	expect("limit",
	       getsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_MAX_SIZE, &most, &bytes), 0);
	expect("limit is 256 KiB", most == 262144 ? 0 : -1, 0);
	expect("patience",
	       setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &time,
			  sizeof(time)),
	       0);
	expect("TCP's options", setsockopt(fd, IPPROTO_TCP, 1, &size, sizeof(size)),
	       ENOPROTOOPT);
}

static int errors(void)
{
	struct sockaddr_vm closed = address(VMADDR_CID_HOST, 9), ours, silent;
	struct sockaddr_vm other = address(77, 1);
	struct pollfd poll_fd;
	socklen_t bytes = sizeof(ours);
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0), second;

	printf("cid %llu\n", (unsigned long long)ferrule_vsock_cid());
	expect("datagrams", socket(AF_VSOCK, SOCK_DGRAM, 0), ENODEV);
	expect("raw sockets", socket(AF_VSOCK, SOCK_RAW, 0), ESOCKTNOSUPPORT);
	expect("send before connect", send(fd, "x", 1, MSG_NOSIGNAL), ENOTCONN);
	expect("refused", connect(fd, (struct sockaddr *)&closed, sizeof(closed)),
	       ECONNRESET);
	close(fd);
	fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	expect("bind to another", bind(fd, (struct sockaddr *)&other, sizeof(other)),
	       EADDRNOTAVAIL);
	expect("short address", bind(fd, (struct sockaddr *)&other, 8), EINVAL);
	other = address(VMADDR_CID_HOST, 1234);
	other.svm_family = AF_INET;
	expect("another family", connect(fd, (struct sockaddr *)&other, sizeof(other)),
	       EINVAL);
	other.svm_family = AF_UNSPEC;
	expect("no family", connect(fd, (struct sockaddr *)&other, sizeof(other)),
	       EINVAL);
	ours = address(VMADDR_CID_ANY, 6000);
	expect("bind", bind(fd, (struct sockaddr *)&ours, sizeof(ours)), 0);
	second = socket(AF_VSOCK, SOCK_STREAM, 0);
	expect("bind twice", bind(second, (struct sockaddr *)&ours, sizeof(ours)),
	       EADDRINUSE);
	expect("name", getsockname(fd, (struct sockaddr *)&ours, &bytes), 0);
	printf("name %u %u\n", ours.svm_cid, ours.svm_port);
	expect("peer", getpeername(fd, (struct sockaddr *)&ours, &bytes), ENOTCONN);
	options(second);
	silent = address(VMADDR_CID_HOST, 10);
	expect("silence", connect(second, (struct sockaddr *)&silent, sizeof(silent)),
	       ETIMEDOUT);
	close(second);
	second = socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK, 0);
	silent = address(VMADDR_CID_HOST, 1234);
	expect("no waiting", connect(second, (struct sockaddr *)&silent, sizeof(silent)),
	       EINPROGRESS);
	poll_fd = (struct pollfd){ .fd = second, .events = POLLOUT };
	expect("poll", poll(&poll_fd, 1, 5000) == 1 ? 0 : -1, 0);
	expect("it came about",
	       connect(second, (struct sockaddr *)&silent, sizeof(silent)), EISCONN);
	expect("no data", recv(second, data, 1, 0), EAGAIN);
	close(second);
	close(fd);
	return 0;
}

static int no_device(void)
{
	struct sockaddr_vm here = address(VMADDR_CID_ANY, 4000);
	struct sockaddr_vm host = address(VMADDR_CID_HOST, 1234);
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	bool bound = !bind(fd, (struct sockaddr *)&here, sizeof(here));

	if (connect(fd, (struct sockaddr *)&host, sizeof(host)))
		printf("no vsock: %s%s\n", bound ? "" : "not bound: ", strerror(errno));
	close(fd);
	return 2;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "errors";
	int fd;

	if (!ferrule_vsock_cid())
		return no_device();
	if (!strcmp(mode, "serve"))
		return serve();
	if (!strcmp(mode, "flood"))
		return flood(argc > 2 ? atol(argv[2]) : 1000000);
	if (!strcmp(mode, "errors"))
		return errors();
	fd = dial(1234);
	if (fd < 0)
		return 1;
	printf("echoed %ld bytes\n", echo(fd));
	close(fd);
	return 0;
}
