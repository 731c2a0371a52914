/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* httpd: serves the files of a directory over HTTP/1.1.
 *
 *	httpd [-p PORT] [-t SECONDS] [-v] [-r] DIRECTORY
 *
 * One thread, epoll, no limit on connections but memory and descriptors. */

#define _GNU_SOURCE

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "connection.h"
#include "resource.h"
#include "response.h"

#define EVENTS	 256 /* taken from epoll at once */
#define ACCEPTS	 64  /* connections accepted before those that are open have a turn */
#define PAUSE_MS 1000

static struct options {
	const char *root;
	long port, timeout;
} options = { .port = 80, .timeout = 30 };

static struct {
	int fd;
	bool paused;
	int64_t resume_ms;
	size_t connections; /* open when it was paused */
	size_t limit;	    /* on connections, from the limit on descriptors */
} listener = { .limit = SIZE_MAX };

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static long number_of(const char *text, long min, long max, const char *what)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < min || value > max) {
		fprintf(stderr,
			"httpd: %s must be a number from %ld to %ld, not \"%s\"\n", what,
			min, max, text);
		exit(2);
	}
	return value;
}

static void parse_options(int argc, char **argv)
{
	bool wrong = false;
	int option;

	while ((option = getopt(argc, argv, "p:r:t:v")) != -1) {
		switch (option) {
		case 'p':
			options.port = number_of(optarg, 1, 65535, "the port");
			break;
		case 'r':
			options.root = optarg;
			break;
		case 't':
			options.timeout = number_of(optarg, 1, 86400, "the timeout");
			break;
		case 'v':
			server.verbose = true;
			break;
		default:
			wrong = true; /* getopt said what */
		}
	}
	if (optind < argc && !options.root)
		options.root = argv[optind++];
	if (wrong || optind != argc || !options.root) {
		fprintf(stderr, "usage: httpd [-p PORT] [-t SECONDS] [-v] DIRECTORY\n"
				"  -p  listens on that port (default 80)\n"
				"  -t  gives a slow client that long (default 30)\n"
				"  -v  logs each request\n");
		exit(2);
	}
}

/* The root without links in it, so that what links inside it name can be compared. */
static const char *open_root(void)
{
	struct stat status;
	char *root;

	if (stat(options.root, &status)) {
		fprintf(stderr, "httpd: %s: %s\n", options.root, strerror(errno));
		exit(1);
	}
	if (!S_ISDIR(status.st_mode)) {
		fprintf(stderr, "httpd: %s is not a directory\n", options.root);
		exit(1);
	}
	root = strcmp(options.root, "/") ? realpath(options.root, NULL) : strdup("/");
	if (!root) {
		fprintf(stderr, "httpd: %s: %s\n", options.root, strerror(errno));
		exit(1);
	}
	resource_root(root);
	return root;
}

static int bind_to(int family, const void *address, socklen_t length)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, off = 0;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if ((family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off))) ||
	    bind(fd, address, length) || listen(fd, SOMAXCONN)) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* Both kinds of address by one socket where IPv6 is available, else IPv4. */
static int open_listener(void)
{
	struct sockaddr_in6 any6 = { .sin6_family = AF_INET6,
				     .sin6_port = htons((uint16_t)options.port),
				     .sin6_addr = IN6ADDR_ANY_INIT };
	struct sockaddr_in any4 = { .sin_family = AF_INET,
				    .sin_port = htons((uint16_t)options.port) };
	int fd = bind_to(AF_INET6, &any6, sizeof(any6));
	const char *kinds = "IPv6 and IPv4";

	if (fd < 0 && errno != EADDRINUSE && errno != EACCES) {
		fd = bind_to(AF_INET, &any4, sizeof(any4));
		kinds = "IPv4";
	}
	if (fd < 0) {
		fprintf(stderr, "httpd: cannot listen on port %ld: %s\n", options.port,
			strerror(errno));
		exit(1);
	}
	printf("httpd: serving %s on port %ld (%s)\n", options.root, options.port, kinds);
	fflush(stdout);
	return fd;
}

static void watch_listener(bool paused)
{
	struct epoll_event event = { .events = paused ? 0 : EPOLLIN, .data.ptr = NULL };

	listener.paused = paused;
	epoll_ctl(server.epoll, EPOLL_CTL_MOD, listener.fd, &event);
}

/* The connections that are open go on; new ones wait in the backlog. */
static void pause_listener(int error)
{
	fprintf(stderr, "httpd: %zu connections, no more for now: %s\n",
		server.connections, strerror(error));
	listener.resume_ms = server.now_ms + PAUSE_MS;
	listener.connections = server.connections;
	watch_listener(true);
}

static void accept_some(void)
{
	int on = 1;

	for (int i = 0; i < ACCEPTS; i++) {
		int fd;

		if (server.connections >= listener.limit) {
			pause_listener(EMFILE);
			return;
		}
		fd = accept4(listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			int error = errno;

			if (error == EINTR || error == ECONNABORTED)
				continue;
			if (error != EMFILE && error != ENFILE && error != ENOBUFS &&
			    error != ENOMEM)
				return;
			if (resource_trim()) /* files we keep open come second */
				continue;
			pause_listener(error);
			return;
		}
		/* We gather ourselves what belongs together. */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (!connection_open(fd)) {
			pause_listener(ENOMEM);
			return;
		}
	}
}

static int64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Takes all descriptors we may have, and leaves some of them for files. */
static void set_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
		getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur != RLIM_INFINITY)
		listener.limit = limit.rlim_cur > 32 ? limit.rlim_cur - 16
						     : limit.rlim_cur / 2;
}

/* How long nothing will be due. */
static int wait_ms(void)
{
	int ms = connection_expire();

	if (!listener.paused)
		return ms;
	if (server.connections < listener.connections ||
	    server.now_ms >= listener.resume_ms) {
		watch_listener(false);
		return ms;
	}
	if (ms < 0 || listener.resume_ms - server.now_ms < ms)
		ms = (int)(listener.resume_ms - server.now_ms);
	return ms;
}

static int loop(void)
{
	static struct epoll_event events[EVENTS];

	while (!stop) {
		int count = epoll_wait(server.epoll, events, EVENTS, wait_ms());

		if (count < 0 && errno != EINTR) {
			fprintf(stderr, "httpd: epoll_wait: %s\n", strerror(errno));
			return 1;
		}
		server.now_ms = monotonic_ms();
		response_date(server.now_ms);
		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr)
				connection_event(events[i].data.ptr, events[i].events);
			else
				accept_some();
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
	struct sigaction action = { .sa_handler = on_signal };
	const char *root;
	int status;

	parse_options(argc, argv);
	root = open_root();
	server.timeout_ms = options.timeout * 1000;
	server.now_ms = monotonic_ms();
	set_limit();
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	listener.fd = open_listener();
	server.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (server.epoll < 0 ||
	    epoll_ctl(server.epoll, EPOLL_CTL_ADD, listener.fd, &event)) {
		fprintf(stderr, "httpd: epoll: %s\n", strerror(errno));
		return 1;
	}
	status = loop();
	connection_close_all();
	resource_trim();
	close(server.epoll);
	close(listener.fd);
	free((void *)root);
	return status;
}
