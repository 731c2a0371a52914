/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Beside an honest disk, a device that may lie (tests/qemu/liar.py): the disk DISK is read over
 * and over, which must never fail, and the shell gets commands:
 *
 *	try KIND N	uses that device once, in a thread of its own, and prints "KIND N: 0" or
 *			an error; "KIND N: wrong" for bytes that nobody wrote. Twice, as a line of the
 *			log may come in between
 *	honest		how often the disk was read
 *	faults		of each device: rules that it broke, how often it came back */

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <ferrule/block.h>
#include <ferrule/device.h>
#include <shell/commands.h>
#include "uses.h"

#define BYTES 4096
#define PAUSE 2000 /* µs between the reads */

static const struct {
	const char *name;
	int (*use)(void);
} kinds[] = {
	{ "blk", use_blk }, { "fs", use_fs },	  { "net", use_net },
	{ "rng", use_rng }, { "scsi", use_scsi }, { "vsock", use_vsock },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
#define NONE  0

static atomic_ulong rounds;
static atomic_uint wanted = NONE;

static void *try_all(void *unused)
{
	for (;; usleep(PAUSE / 2)) {
		unsigned what = atomic_exchange(&wanted, NONE);
		unsigned kind = what % KINDS, number = what / KINDS;
		int result;

		if (what == NONE)
			continue;
		result = kinds[kind].use();
		for (int times = 0; times < 2; times++)
			if (result == WRONG)
				printf("%s %u: wrong\n", kinds[kind].name, number);
			else
				printf("%s %u: %d\n", kinds[kind].name, number, result);
	}
	return unused;
}

/* The shell's thread is the kernel's: it has no C library. */
static void run_try(int count, char **words)
{
	unsigned number;

	if (count != 3 || !shell_number(words[2], 1, 1000000, &number))
		return;
	for (unsigned i = 0; i < KINDS; i++)
		if (!strcmp(words[1], kinds[i].name))
			atomic_store(&wanted, i + number * KINDS);
}

static void run_honest(int count, char **words)
{
	(void)count;
	(void)words;
	shell_print("honest: %lu\n", atomic_load(&rounds));
}

static void run_faults(int count, char **words)
{
	struct ferrule_device_info info;

	(void)count;
	(void)words;
	for (unsigned i = 0; ferrule_device_info(i, &info); i++)
		shell_print("%s faults %llu back %llu broken %d\n", info.name,
			    (unsigned long long)info.violations,
			    (unsigned long long)info.recoveries, info.broken);
}

static const struct shell_command try = { "try", "uses a device", run_try };
static const struct shell_command honest = { "honest", "reads so far", run_honest };
static const struct shell_command faults = { "faults", "of devices", run_faults };
SHELL_COMMAND(try);
SHELL_COMMAND(honest);
SHELL_COMMAND(faults);

/* Brings the shell in. */
void (*const volatile linked)(void) = ferrule_shell;

int main(int argc, char **argv)
{
	struct ferrule_block *disk = ferrule_block_find(argc > 1 ? argv[1] : "vda");
	static unsigned char first[BYTES], data[BYTES];

	pthread_t trier;

	if (!disk) /* the liar made none */
		disk = ferrule_block_find("vda");
	if (pthread_create(&trier, NULL, try_all, NULL) || !disk ||
	    ferrule_block_read(disk, 0, first, BYTES))
		return 1;
	puts("reading");
	for (;; atomic_fetch_add(&rounds, 1)) {
		if (ferrule_block_read(disk, 0, data, BYTES) ||
		    memcmp(first, data, BYTES) != 0) {
			puts("the honest disk failed");
			return 1;
		}
		usleep(PAUSE);
	}
}
