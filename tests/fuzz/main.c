/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Runs inputs once, without a fuzzer: files, all files of directories, or, without
 * arguments, standard input. */

#include <dirent.h>
#include <sys/stat.h>
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
extern unsigned fuzz_leaks_every;
static unsigned count;

/* In a block of its exact size, so that reading past its end is seen. */
static void run_stream(FILE *stream, const char *name)
{
	uint8_t *data = malloc(1);
	size_t bytes = 0, now;
	uint8_t chunk[4096];

	while ((now = fread(chunk, 1, sizeof(chunk), stream))) {
		data = realloc(data, bytes + now);
		if (!data)
			abort();
		memcpy(data + bytes, chunk, now);
		bytes += now;
	}
	if (getenv("FUZZ_VERBOSE"))
		fprintf(stderr, "%s\n", name);
	LLVMFuzzerTestOneInput(data, bytes);
	free(data);
	count++;
}

static void run_file(const char *path)
{
	FILE *stream = fopen(path, "rb");

	if (!stream) {
		perror(path);
		exit(1);
	}
	run_stream(stream, path);
	fclose(stream);
}

static void run(const char *path)
{
	char within[4096];
	struct dirent *entry;
	DIR *directory = opendir(path);

	if (!directory) {
		run_file(path);
		return;
	}
	while ((entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(within, sizeof(within), "%s/%s", path, entry->d_name);
		run_file(within);
	}
	closedir(directory);
}

int main(int argc, char **argv)
{
	fuzz_leaks_every = 1;
	if (argc < 2)
		run_stream(stdin, "standard input");
	for (int i = 1; i < argc; i++)
		run(argv[i]);
	printf("%u inputs\n", count);
	return 0;
}
