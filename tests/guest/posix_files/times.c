/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* utimensat: what is set, and what is no file or no time. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "check.h"

static void *const volatile bad = (void *)1; /* an address that is none */

static const struct timespec omit[] = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } };

static bool fails(int directory, const char *path, const struct timespec *times,
		  int flags, int error)
{
	errno = 0;
	return utimensat(directory, path, times, flags) == -1 && errno == error;
}

static void refused(void)
{
	static const struct timespec past[] = { { 0, UTIME_OMIT }, { 1, 1000000000 } },
				     below[] = { { 0, -1 }, { 0, UTIME_NOW } };
	int path_only = open("/", O_PATH), fd = open("/", O_RDONLY);

	check(fails(AT_FDCWD, "/", past, 0, EINVAL), "utimensat: a second is over");
	check(fails(AT_FDCWD, "/", below, 0, EINVAL), "utimensat: before the second");
	check(fails(AT_FDCWD, "/", NULL, 1, EINVAL), "utimensat: no such flag");
	check(fails(AT_FDCWD, NULL, NULL, 0, EFAULT), "utimensat: no path");
	check(fails(AT_FDCWD, bad, NULL, 0, EFAULT), "utimensat: a bad path");
	check(fails(fd, NULL, NULL, AT_SYMLINK_NOFOLLOW, EINVAL),
	      "utimensat: no path, but flags");
	check(fails(-1, NULL, NULL, 0, EBADF), "utimensat: no path, no descriptor");
	check(fails(path_only, NULL, NULL, 0, EBADF), "utimensat: not opened");
	check(fails(-1, "here", NULL, 0, EBADF), "utimensat: no directory to begin at");
	check(fails(AT_FDCWD, "/none", NULL, 0, ENOENT), "utimensat: no file");
	check(fails(AT_FDCWD, "", NULL, 0, ENOENT), "utimensat: an empty path");
	close(fd);
	close(path_only);
}

/* Also where nothing can be written. */
static void nothing_to_set(void)
{
	int fd = open("/", O_RDONLY);

	check(utimensat(AT_FDCWD, "/", omit, 0) == 0, "utimensat: nothing to set");
	check(futimens(fd, omit) == 0, "futimens: nothing to set");
	/* POSIX allows both: Linux does not look. */
	check(fails(AT_FDCWD, "/none", omit, 0, ENOENT), "utimensat: nothing, nowhere");
	check(futimens(-1, omit) == -1 && errno == EBADF, "futimens: nothing, nowhere");
	close(fd);
}

static void one_of_two(void)
{
	static const struct timespec first[] = { { 1000, 0 }, { 2000, 0 } },
				     second[] = { { 0, UTIME_OMIT }, { 3000, 0 } },
				     third[] = { { 0, UTIME_NOW }, { 0, UTIME_OMIT } };
	int fd = open("/timed", O_CREAT | O_RDWR, 0600);
	struct stat stat_file;

	if (fd < 0)
		return; /* read-only */
	if (futimens(fd, first) && errno == EOPNOTSUPP) {
		printf("SKIP times: this file system keeps its own\n");
		close(fd);
		unlink("/timed");
		return;
	}
	check(futimens(fd, first) == 0 && stat("/timed", &stat_file) == 0 &&
		      stat_file.st_atime == 1000 && stat_file.st_mtime == 2000,
	      "futimens");
	check(utimensat(AT_FDCWD, "/timed", second, 0) == 0 &&
		      stat("/timed", &stat_file) == 0 && stat_file.st_atime == 1000 &&
		      stat_file.st_mtime == 3000,
	      "utimensat: the first stays");
	check(utimensat(AT_FDCWD, "/timed", third, 0) == 0 &&
		      stat("/timed", &stat_file) == 0 && stat_file.st_atime > 3000 &&
		      stat_file.st_mtime == 3000,
	      "utimensat: the second stays");
	close(fd);
	check(unlink("/timed") == 0, "utimensat: the file is gone");
}

void test_times(void)
{
	refused();
	nothing_to_set();
	one_of_two();
}
