/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>
#include "check.h"

static void numbers(void)
{
	int zero = open("/dev/zero", O_RDONLY), a, b;

	check(zero >= 3, "open gives a descriptor");
	a = dup(zero);
	b = dup(zero);
	check(a == zero + 1 && b == zero + 2, "dup gives the lowest free one");
	close(a);
	check(dup(zero) == a, "a closed one is given again");
	check(fcntl(zero, F_DUPFD, 50) == 50, "F_DUPFD starts where it is told");
	check(fcntl(zero, F_DUPFD_CLOEXEC, 50) == 51 && fcntl(51, F_GETFD) == FD_CLOEXEC,
	      "F_DUPFD_CLOEXEC");
	check(dup2(zero, 300) == 300 && dup2(300, 300) == 300, "dup2 grows the table");
	check(dup2(999, 5) == -1 && errno == EBADF, "dup2 of nothing");
	check(close(300) == 0, "close");
	check(close(300) == -1 && errno == EBADF, "close twice");
	check(read(300, &a, 1) == -1 && errno == EBADF, "read of nothing");
	close(50);
	close(51);
	close(a);
	close(b);
	close(zero);
}

static void limit(void)
{
	struct rlimit old, few;
	int fd[16], count;

	check(getrlimit(RLIMIT_NOFILE, &old) == 0, "getrlimit");
	few = old;
	few.rlim_cur = 10;
	check(setrlimit(RLIMIT_NOFILE, &few) == 0, "setrlimit");
	for (count = 0; count < 16; count++) {
		fd[count] = open("/dev/null", O_RDWR);
		if (fd[count] < 0)
			break;
	}
	check(count < 10 && errno == EMFILE, "RLIMIT_NOFILE ends it with EMFILE");
	while (count)
		close(fd[--count]);
	setrlimit(RLIMIT_NOFILE, &old);
}

static void many(void)
{
	static int fd[3000];
	int count;

	for (count = 0; count < 3000; count++) {
		fd[count] = open("/dev/null", O_RDWR);
		if (fd[count] < 0)
			break;
	}
	check(count > 500, "many descriptors");
	while (count)
		close(fd[--count]);
}

static void devices(void)
{
	unsigned char bytes[64] = { 1, 2, 3 }, more[64];
	struct stat stat;
	int fd = open("/dev/zero", O_RDWR);

	check(read(fd, bytes, 64) == 64 && !bytes[0] && !bytes[63], "/dev/zero");
	close(fd);
	fd = open("/dev/null", O_RDWR);
	check(read(fd, bytes, 64) == 0 && write(fd, bytes, 64) == 64, "/dev/null");
	check(fstat(fd, &stat) == 0 && S_ISCHR(stat.st_mode), "fstat of /dev/null");
	close(fd);
	fd = open("/dev/urandom", O_RDONLY);
	check(read(fd, bytes, 64) == 64 && read(fd, more, 64) == 64 &&
		      memcmp(bytes, more, 64) != 0,
	      "/dev/urandom");
	check(write(fd, bytes, 1) == -1 && errno == EBADF, "write to a read-only file");
	close(fd);
}

static void terminal(void)
{
	struct termios settings;
	struct stat stat;
	int on = 1;

	if (!isatty(1)) {
		printf("SKIP terminal: standard output is none\n");
		return;
	}
	check(tcgetattr(1, &settings) == 0 && settings.c_lflag & ICANON, "tcgetattr");
	settings.c_lflag &= ~(tcflag_t)ICANON;
	check(tcsetattr(1, TCSANOW, &settings) == 0 && tcgetattr(1, &settings) == 0 &&
		      !(settings.c_lflag & ICANON),
	      "tcsetattr");
	settings.c_lflag |= ICANON;
	tcsetattr(1, TCSANOW, &settings);
	check(fstat(1, &stat) == 0 && S_ISCHR(stat.st_mode), "fstat of the terminal");
	check(lseek(1, 0, SEEK_CUR) == -1 && errno == ESPIPE,
	      "a terminal has no position");
	check(ioctl(0, FIONREAD, &on) == 0, "FIONREAD");
}

/* O_PATH: a place in the tree, and nothing to be read or written. */
static void places(void)
{
	struct stat stat;
	char c;
	int fd = open("/dev/zero", O_PATH | O_RDWR | O_TRUNC), directory;

	check(fd >= 0, "O_PATH of a file");
	check(read(fd, &c, 1) == -1 && errno == EBADF, "it cannot be read");
	check(write(fd, "x", 1) == -1 && errno == EBADF, "nor written");
	check(fstat(fd, &stat) == 0 && S_ISCHR(stat.st_mode), "but looked at");
	close(fd);
	directory = open("/dev", O_PATH | O_DIRECTORY);
	check(directory >= 0, "O_PATH of a directory");
	fd = openat(directory, "null", O_RDONLY);
	check(fd >= 0 && read(fd, &c, 1) == 0, "and from there");
	close(fd);
	close(directory);
}

static void mappings(void)
{
	size_t huge = (size_t)64 << 30;
	int fd = open("/dev/zero", O_RDONLY), written = open("/dev/null", O_WRONLY);
	char *map = mmap(NULL, huge, PROT_READ, MAP_PRIVATE, fd, 0);

	check(map == MAP_FAILED ? errno == ENOMEM : !munmap(map, huge),
	      "a mapping larger than memory does not end the program");
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	check(map != MAP_FAILED && !map[8191], "a mapping of /dev/zero");
	check(mmap(map, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, 999, 0) == MAP_FAILED &&
		      errno == EBADF && (map[0] = 1),
	      "a refused one leaves what is there");
	check(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, written, 0) == MAP_FAILED,
	      "a file that is not open for reading is not mapped");
	munmap(map, 8192);
	close(fd);
	close(written);
}

static void bad_pointers(void)
{
	char *none = (char *)(uintptr_t)8;
	struct iovec vector[2] = { { none, 10 }, { NULL, 0 } };
	volatile int minus = -1; /* unknown to the compiler, which would warn */
	int fd = open("/dev/zero", O_RDWR);

	check(read(fd, none, 10) == -1 && errno == EFAULT, "read to a bad pointer");
	check(readv(fd, vector, 1) == -1 && errno == EFAULT, "readv to a bad pointer");
	check(readv(fd, vector, minus) == -1 && errno == EINVAL, "a negative count");
	check(open(none, O_RDONLY) == -1 && errno == EFAULT, "a bad path");
	check(readv(fd, vector + 1, 1) == 0, "an empty vector");
	close(fd);
}

void test_descriptors(void)
{
	numbers();
	limit();
	many();
	devices();
	terminal();
	places();
	mappings();
	bad_pointers();
}
