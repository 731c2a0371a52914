/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>
#include "check.h"

static void questions(void)
{
	struct dirent *entry;
	struct statfs system;
	struct stat stat_root;
	char path[256];
	bool null = false;
	DIR *directory;

	check(stat("/", &stat_root) == 0 && S_ISDIR(stat_root.st_mode),
	      "stat of the root");
	check(chdir("/dev") == 0 && getcwd(path, sizeof(path)) &&
		      strcmp(path, "/dev") == 0,
	      "chdir and getcwd");
	check(getcwd(path, 3) == NULL && errno == ERANGE, "getcwd: ERANGE");
	check(access("null", R_OK | W_OK) == 0, "a relative path");
	check(access("../dev/./null", F_OK) == 0, "dots");
	check(access("null/", F_OK) == -1 && errno == ENOTDIR, "a file is no directory");
	check(open("/dev/none", O_RDONLY) == -1 && errno == ENOENT, "no such file");
	check(open("", O_RDONLY) == -1 && errno == ENOENT, "an empty path");
	memset(path, 'x', sizeof(path));
	check(open(path, O_RDONLY) == -1, "a name without end");
	directory = opendir("/dev");
	while (directory && (entry = readdir(directory)))
		null |= strcmp(entry->d_name, "null") == 0;
	check(directory && null, "readdir");
	if (directory)
		closedir(directory);
	check(open("/dev", O_WRONLY) == -1 && errno == EISDIR,
	      "a directory is not written");
	check(statfs("/", &system) == 0 && system.f_bsize > 0, "statfs");
	check(chdir("/") == 0 && getcwd(path, sizeof(path)) && strcmp(path, "/") == 0,
	      "the root's path");
}

static void contents(void)
{
	static char data[100000], back[100000];
	struct stat stat_file;
	int fd, ends[2], other;
	off_t offset = 10;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 31 >> 3);
	fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0640);
	check(fd >= 0, "O_CREAT | O_EXCL");
	check(open("file", O_RDWR | O_CREAT | O_EXCL, 0640) == -1 && errno == EEXIST,
	      "EEXIST");
	check(write(fd, data, sizeof(data)) == sizeof(data), "write");
	check(lseek(fd, 0, SEEK_CUR) == sizeof(data), "the position moved");
	check(pread(fd, back, sizeof(back), 0) == sizeof(back) &&
		      memcmp(data, back, sizeof(data)) == 0,
	      "pread");
	check(pwrite(fd, "hello", 5, 50000) == 5 && lseek(fd, 50000, SEEK_SET) == 50000 &&
		      read(fd, back, 5) == 5 && memcmp(back, "hello", 5) == 0,
	      "pwrite");
	check(fstat(fd, &stat_file) == 0 && stat_file.st_size == sizeof(data) &&
		      (stat_file.st_mode & 0777) == 0640,
	      "fstat");
	check(ftruncate(fd, 60000) == 0 && lseek(fd, 0, SEEK_END) == 60000, "ftruncate");
	check(fsync(fd) == 0, "fsync");
	other = open("file", O_WRONLY | O_APPEND);
	check(write(other, "end", 3) == 3 && pread(fd, back, 10, 60000) == 3 &&
		      memcmp(back, "end", 3) == 0,
	      "O_APPEND");
	close(other);
	(void)!pipe(ends);
	check(sendfile(ends[1], fd, &offset, 1000) == 1000 && offset == 1010 &&
		      read(ends[0], back, 2000) == 1000 &&
		      memcmp(back, data + 10, 1000) == 0,
	      "sendfile");
	close(ends[0]);
	close(ends[1]);
	check(open("file", O_RDONLY | O_DIRECTORY) == -1 && errno == ENOTDIR,
	      "O_DIRECTORY");
	check(unlink("file") == 0 && access("file", F_OK) == -1, "unlink");
	check(pread(fd, back, 100, 0) == 100 && memcmp(back, data, 100) == 0,
	      "an open file outlives its name");
	close(fd);
}

static void names(void)
{
	struct stat stat_file;
	int fd, count = 0;
	char name[64];
	DIR *directory;

	check(mkdir("sub", 0755) == 0, "mkdir");
	check(mkdir("sub", 0755) == -1 && errno == EEXIST, "mkdir twice");
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "sub/file-number-%d", i);
		fd = open(name, O_WRONLY | O_CREAT, 0600);
		if (fd >= 0)
			close(fd);
	}
	directory = opendir("sub");
	while (directory && readdir(directory))
		count++;
	check(count == 202, "200 files are listed");
	closedir(directory);
	check(rmdir("sub") == -1 && errno == ENOTEMPTY, "ENOTEMPTY");
	check(rename("sub/file-number-5", "sub/renamed") == 0 &&
		      stat("sub/renamed", &stat_file) == 0 &&
		      stat("sub/file-number-5", &stat_file) == -1,
	      "rename");
	check(rename("sub", "moved") == 0 && access("moved/renamed", F_OK) == 0,
	      "rename of a directory");
	unlink("moved/renamed");
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "moved/file-number-%d", i);
		unlink(name);
	}
	check(rmdir("moved") == 0, "rmdir");
}

void test_tree(void)
{
	questions();
	if (mkdir("/posix_files.test", 0755) < 0) {
		if (errno == EROFS)
			printf("SKIP writes: the root is read-only\n");
		else
			check(false, "mkdir");
		return;
	}
	check(chdir("/posix_files.test") == 0, "chdir");
	contents();
	names();
	check(chdir("/") == 0 && rmdir("/posix_files.test") == 0,
	      "nothing is left behind");
	sync();
}
