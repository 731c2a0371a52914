/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Sockets and event counters: the only place where the transport meets Linux. */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <host/socket.h>
#include <kernel/time.h>

int host_socket_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	int fd, error;

	if (length >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, length + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

int host_socket_pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) ? -errno : 0;
}

void host_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* 0: it is ready, or will tell of its end. */
static int wait_for(int fd, short what, uint64_t deadline_ns)
{
	struct pollfd asked = { .fd = fd, .events = what };
	uint64_t now;
	int count;

	do {
		struct timespec left = { 0 };

		now = clock_ns();
		if (now < deadline_ns) {
			left.tv_sec = (time_t)((deadline_ns - now) / NS_PER_SEC);
			left.tv_nsec = (long)((deadline_ns - now) % NS_PER_SEC);
		}
		count = ppoll(&asked, 1, &left, NULL);
	} while (count < 0 && errno == EINTR);
	if (count < 0)
		return -errno;
	return count ? 0 : -ETIMEDOUT;
}

static void attach_fds(struct msghdr *message, const int *fds, unsigned fd_count)
{
	struct cmsghdr *header;

	message->msg_controllen = CMSG_SPACE(fd_count * sizeof(*fds));
	header = CMSG_FIRSTHDR(message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(fd_count * sizeof(*fds));
	memcpy(CMSG_DATA(header), fds, fd_count * sizeof(*fds));
}

int host_socket_send(int fd, const void *data, size_t bytes, const int *fds,
		     unsigned fd_count, uint64_t deadline_ns)
{
	char control[CMSG_SPACE(HOST_FDS_MAX * sizeof(int))]
		__attribute__((aligned(__alignof__(struct cmsghdr)))) = { 0 };
	const char *at = data;
	int error;

	if (fd_count > HOST_FDS_MAX)
		return -EINVAL;
	while (bytes) {
		struct iovec piece = { (void *)at, bytes };
		struct msghdr message = { .msg_iov = &piece,
					  .msg_iovlen = 1,
					  .msg_control = fd_count ? control : NULL };
		ssize_t sent;

		if (fd_count)
			attach_fds(&message, fds, fd_count);
		sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (sent < 0) {
			error = wait_for(fd, POLLOUT, deadline_ns);
			if (error)
				return error;
			continue;
		}
		fd_count = 0;
		at += sent;
		bytes -= (size_t)sent;
	}
	return 0;
}

/* Nobody asked for descriptors: the other end shall not fill our table with them. */
static void close_received(struct msghdr *message)
{
	for (struct cmsghdr *each = CMSG_FIRSTHDR(message); each;
	     each = CMSG_NXTHDR(message, each)) {
		size_t bytes = each->cmsg_len - CMSG_LEN(0);
		int fds[HOST_FDS_MAX];

		if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS)
			continue;
		bytes = bytes < sizeof(fds) ? bytes : sizeof(fds);
		memcpy(fds, CMSG_DATA(each), bytes);
		for (size_t i = 0; i < bytes / sizeof(int); i++)
			close(fds[i]);
	}
}

int host_socket_receive(int fd, void *data, size_t bytes, uint64_t deadline_ns)
{
	char control[CMSG_SPACE(HOST_FDS_MAX * sizeof(int))]
		__attribute__((aligned(__alignof__(struct cmsghdr))));
	char *at = data;

	while (bytes) {
		struct iovec piece = { at, bytes };
		struct msghdr message = { .msg_iov = &piece,
					  .msg_iovlen = 1,
					  .msg_control = control,
					  .msg_controllen = sizeof(control) };
		int error = wait_for(fd, POLLIN, deadline_ns);
		ssize_t received;

		if (error)
			return error;
		received = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (received < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (received <= 0)
			return received ? -errno : -EPIPE;
		close_received(&message);
		at += received;
		bytes -= (size_t)received;
	}
	return 0;
}

bool host_socket_closed(int fd)
{
	struct pollfd asked = { .fd = fd, .events = POLLIN };
	char byte;

	if (poll(&asked, 1, 0) <= 0)
		return false;
	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0 ||
	       (asked.revents & (POLLERR | POLLHUP | POLLNVAL));
}

int host_counter(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

/* It can only fail where the counter is full, and then it is raised. */
void host_counter_raise(int fd)
{
	uint64_t one = 1;

	(void)!write(fd, &one, sizeof(one));
}

bool host_counter_take(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count);
}
