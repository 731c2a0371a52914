/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Walks the file tree from each argument (or "/"): type, size, checksum and path of all
 * that is there. The host compares that with the folder it was made of. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failures;

static void failed(const char *what, const char *path)
{
	printf("error %d %s %s\n", errno, what, path);
	failures++;
}

/* FNV-1a, 64 bits, of a file read in odd pieces. */
static void file(const char *path, const struct stat *st)
{
	static unsigned char data[10007];
	uint64_t sum = 0xcbf29ce484222325, total = 0;
	int fd = open(path, O_RDONLY);
	ssize_t bytes;

	if (fd < 0) {
		failed("open", path);
		return;
	}
	while ((bytes = read(fd, data, sizeof(data))) > 0) {
		for (ssize_t i = 0; i < bytes; i++)
			sum = (sum ^ data[i]) * 0x100000001b3;
		total += (uint64_t)bytes;
	}
	if (bytes < 0)
		failed("read", path);
	else
		printf("file %llu %016llx %s\n", (unsigned long long)st->st_size,
		       (unsigned long long)sum, path);
	if (bytes == 0 && total != (uint64_t)st->st_size)
		printf("error: %s gave %llu bytes\n", path, (unsigned long long)total);
	close(fd);
}

static void walk(const char *path)
{
	char child[1024], target[1024];
	struct dirent *entry;
	struct stat st;
	DIR *directory = opendir(path);

	if (!directory) {
		failed("opendir", path);
		return;
	}
	while (errno = 0, (entry = readdir(directory))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(child, sizeof(child), "%s/%s", strcmp(path, "/") ? path : "",
			 entry->d_name);
		if (lstat(child, &st)) {
			failed("lstat", child);
		} else if (S_ISDIR(st.st_mode)) {
			printf("directory %s\n", child);
			walk(child);
		} else if (S_ISLNK(st.st_mode)) {
			ssize_t length = readlink(child, target, sizeof(target) - 1);

			printf("link %.*s %s\n", length > 0 ? (int)length : 0, target,
			       child);
		} else if (S_ISREG(st.st_mode)) {
			file(child, &st);
		}
	}
	if (errno)
		failed("readdir", path);
	closedir(directory);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		walk("/");
	for (int i = 1; i < argc; i++)
		walk(argv[i]);
	printf("walked, %d failures\n", failures);
	return failures ? 1 : 0;
}
