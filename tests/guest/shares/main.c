/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A folder of the host's, mounted: tests/qemu/test_shares.py says what is in it and looks
 * at what was made of it.
 *
 *	shares FOLDER		all that can be done with files; the exit status is the
 *				number of failures
 *	shares FOLDER denied	what the host does not let us do
 *	shares FOLDER watch	reads one file for ever, and says when that fails and when
 *				it works again; ends when the file "end" appears */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

/* What links the two kinds of shares in. */
struct fs_operations;
extern const struct fs_operations *const ferrule_virtiofs, *const ferrule_9p;
const struct fs_operations *const *const volatile linked[] = { &ferrule_virtiofs,
							       &ferrule_9p };

#define LARGE_BYTES ((size_t)3 * 1024 * 1024 + 17)
#define FAR	    ((off_t)1 << 30)
#define READERS	    4

static int failures;

static void check(bool good, const char *name)
{
	int error = errno;

	if (good)
		printf("PASS %s\n", name);
	else
		printf("FAIL %s (errno %d)\n", name, error);
	failures += !good;
}

static bool fails_with(long result, int error)
{
	return result == -1 && errno == error;
}

/* The pattern that test_shares.py knows. */
static uint8_t pattern(size_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

static uint8_t *fresh(size_t bytes)
{
	uint8_t *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static bool is_pattern(const uint8_t *data, size_t bytes, size_t from)
{
	for (size_t i = 0; i < bytes; i++)
		if (data[i] != pattern(from + i))
			return false;
	return true;
}

static void large(void)
{
	uint8_t *data = fresh(LARGE_BYTES + 1), *back = fresh(LARGE_BYTES + 4096);
	int fd = open("large", O_RDWR | O_CREAT | O_TRUNC, 0644);
	ssize_t got;

	for (size_t i = 0; i < LARGE_BYTES; i++)
		data[1 + i] = pattern(i);
	check(fd >= 0, "create");
	/* From an odd address, to pages that were never touched. */
	check(write(fd, data + 1, LARGE_BYTES) == (ssize_t)LARGE_BYTES, "write 3 MiB");
	got = pread(fd, back, LARGE_BYTES + 4096, 0);
	check(got == (ssize_t)LARGE_BYTES && is_pattern(back, LARGE_BYTES, 0),
	      "read 3 MiB, up to the end");
	check(pread(fd, back, 5000, 1234567) == 5000 && is_pattern(back, 5000, 1234567),
	      "read from the middle");
	check(pread(fd, back, 100, LARGE_BYTES) == 0, "nothing behind the end");
	check(fsync(fd) == 0 && fdatasync(fd) == 0, "fsync");
	check(fails_with(pread(fd, (void *)1, 100, 0), EFAULT), "EFAULT");
	close(fd);
	munmap(data, LARGE_BYTES + 1);
	munmap(back, LARGE_BYTES + 4096);
}

static void sparse(void)
{
	int fd = open("sparse", O_RDWR | O_CREAT, 0600);
	struct stat stat_file;
	char back[8] = { 1, 1, 1, 1 };

	check(pwrite(fd, "far", 3, FAR) == 3, "write at 1 GiB");
	check(fstat(fd, &stat_file) == 0 && stat_file.st_size == FAR + 3 &&
		      stat_file.st_blocks < 1000,
	      "a file with a hole");
	check(pread(fd, back, 4, FAR - 1) == 4 && memcmp(back, "\0far", 4) == 0,
	      "read at 1 GiB");
	check(ftruncate(fd, FAR / 2) == 0 && lseek(fd, 0, SEEK_END) == FAR / 2,
	      "truncate");
	close(fd);
}

static void names(void)
{
	char longest[257];
	struct stat stat_file;

	memset(longest, 'n', sizeof(longest));
	longest[255] = '\0';
	check(close(open(longest, O_WRONLY | O_CREAT, 0600)) == 0, "a name of 255 bytes");
	check(stat(longest, &stat_file) == 0 && rename(longest, "was long") == 0,
	      "stat and rename of it");
	longest[255] = 'n';
	longest[256] = '\0';
	check(fails_with(open(longest, O_RDONLY), ENAMETOOLONG), "ENAMETOOLONG");
	check(mkdir("d", 0755) == 0 && mkdir("d/e", 0700) == 0, "mkdir");
	check(fails_with(mkdir("d", 0755), EEXIST), "EEXIST");
	check(fails_with(rmdir("d"), ENOTEMPTY), "ENOTEMPTY");
	check(fails_with(open("none", O_RDONLY), ENOENT), "ENOENT");
	check(fails_with(open("none/x", O_WRONLY | O_CREAT, 0600), ENOENT),
	      "ENOENT on the way");
	check(fails_with(open("large/x", O_RDONLY), ENOTDIR), "ENOTDIR");
	check(fails_with(rmdir("large"), ENOTDIR), "ENOTDIR of rmdir");
	check(fails_with(unlink("none"), ENOENT), "ENOENT of unlink");
	check(open("d", O_WRONLY) == -1 && errno == EISDIR, "EISDIR");
	check(rename("d", "moved") == 0 && access("moved/e", F_OK) == 0 &&
		      access("d", F_OK) == -1,
	      "rename of a directory");
	check(close(open("a", O_WRONLY | O_CREAT, 0600)) == 0 &&
		      close(open("b", O_WRONLY | O_CREAT, 0600)) == 0 &&
		      rename("a", "b") == 0 && access("a", F_OK) == -1,
	      "rename over another");
	check(unlink("b") == 0, "unlink");
}

static void links(void)
{
	char target[4096], back[4096];
	struct stat stat_file;
	int fd = open("original", O_WRONLY | O_CREAT, 0600);

	check(write(fd, "text", 4) == 4, "write");
	close(fd);
	check(link("original", "other") == 0 && stat("other", &stat_file) == 0 &&
		      stat_file.st_nlink == 2,
	      "link");
	check(unlink("original") == 0 && stat("other", &stat_file) == 0 &&
		      stat_file.st_nlink == 1 && stat_file.st_size == 4,
	      "one name goes, the other stays");
	check(symlink("other", "soft") == 0 &&
		      readlink("soft", back, sizeof(back)) == 5 &&
		      memcmp(back, "other", 5) == 0 && stat("soft", &stat_file) == 0 &&
		      S_ISREG(stat_file.st_mode) && lstat("soft", &stat_file) == 0 &&
		      S_ISLNK(stat_file.st_mode),
	      "symlink");
	check(symlink("x", "tiny") == 0 && readlink("tiny", back, sizeof(back)) == 1 &&
		      back[0] == 'x',
	      "a target of one byte");
	memset(target, 't', sizeof(target));
	target[4000] = '\0';
	check(symlink(target, "long") == 0 &&
		      readlink("long", back, sizeof(back)) == 4000 &&
		      memcmp(target, back, 4000) == 0,
	      "a target of 4000 bytes");
}

static void attributes(void)
{
	struct timespec times[2] = { { 1000000000, 123456789 }, { 0, UTIME_OMIT } };
	struct stat before, after;
	struct statfs system;
	char path[256];

	check(stat("other", &before) == 0 && chmod("other", 0751) == 0 &&
		      stat("other", &after) == 0 && (after.st_mode & 07777) == 0751,
	      "chmod");
	check(utimensat(AT_FDCWD, "other", times, 0) == 0 && stat("other", &after) == 0 &&
		      after.st_atim.tv_sec == 1000000000 &&
		      after.st_atim.tv_nsec == 123456789 &&
		      after.st_mtim.tv_sec == before.st_mtim.tv_sec,
	      "utimensat");
	check(statfs(".", &system) == 0 && system.f_blocks > 0 && system.f_bsize > 0,
	      "statfs");
	check(chdir("moved/e") == 0 && getcwd(path, sizeof(path)) &&
		      strstr(path, "/moved/e") && chdir("../..") == 0,
	      "the way up");
}

/* The host made entry-0 … entry-9999 in "many". */
static void listing(void)
{
	static bool seen[10000];
	DIR *directory = opendir("many");
	struct dirent *entry;
	unsigned count = 0, number;
	bool twice = false;

	while (directory && (entry = readdir(directory))) {
		if (sscanf(entry->d_name, "entry-%u", &number) != 1 || number >= 10000)
			continue;
		twice |= seen[number];
		seen[number] = true;
		count++;
	}
	check(count == 10000 && !twice, "10000 entries are listed, each once");
	rewinddir(directory);
	check(readdir(directory) != NULL, "from the beginning again");
	closedir(directory);
}

static void *read_again(void *argument)
{
	uint8_t *back = fresh(300000);
	int fd = open("large", O_RDONLY);
	uintptr_t good = fd >= 0;

	for (size_t turn = 0; turn < 20; turn++) {
		size_t from = ((uintptr_t)argument * 77777 + turn * 54321) % 2800000;

		good &= pread(fd, back, 300000, (off_t)from) == 300000 &&
			is_pattern(back, 300000, from);
	}
	close(fd);
	munmap(back, 300000);
	return (void *)good;
}

static void at_once(void)
{
	pthread_t threads[READERS];
	bool good = true;
	void *result;

	for (uintptr_t i = 0; i < READERS; i++)
		pthread_create(&threads[i], NULL, read_again, (void *)i);
	for (int i = 0; i < READERS; i++) {
		pthread_join(threads[i], &result);
		good &= result != NULL;
	}
	check(good, "four threads read at once");
}

static int watch(void)
{
	int fd = open("watched", O_RDONLY), last = -1;
	char back[16];

	while (access("end", F_OK) != 0) {
		int error = pread(fd, back, sizeof(back), 0) >= 0 ? 0 : errno;

		if (error != last)
			printf("watched: errno %d\n", error);
		last = error;
		if (error) {
			close(fd);
			fd = open("watched", O_RDONLY);
			usleep(100000);
		}
		if (error && access("/alive", F_OK) == -1 && errno == ENOENT)
			printf("alive\n");
		fflush(stdout);
		usleep(20000);
	}
	printf("the end was seen\n");
	return 0;
}

/* The host's process may not read "secret", nor write into the folder. */
static void denied(void)
{
	char back[8];
	int fd;

	check(fails_with(open("secret", O_RDONLY), EACCES), "open is denied");
	check(fails_with(open("new", O_WRONLY | O_CREAT, 0600), EACCES),
	      "create is denied");
	check(fails_with(mkdir("new", 0700), EACCES), "mkdir is denied");
	check(fails_with(unlink("readable"), EACCES), "unlink is denied");
	fd = open("readable", O_RDONLY);
	check(read(fd, back, 8) == 4, "what may be read is read");
	check(fails_with(open("readable", O_WRONLY), EACCES), "writing is denied");
	close(fd);
}

int main(int count, char **argument)
{
	if (count < 2 || !linked[0] || chdir(argument[1]) != 0) {
		perror("shares");
		return 1;
	}
	if (count > 2 && strcmp(argument[2], "watch") == 0)
		return watch();
	if (count > 2) {
		denied();
		return failures;
	}
	large();
	sparse();
	names();
	links();
	attributes();
	listing();
	at_once();
	printf("failures: %d\n", failures);
	return failures > 99 ? 99 : failures;
}
