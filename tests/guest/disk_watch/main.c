/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Says which disks there are, and what becomes of them: new ones, other sizes,
 * unplugged ones, other media. Reads the last sector of each. Ends when a disk has the
 * size of one sector. */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <ferrule/block.h>

#define DISKS_MAX 16

static struct {
	struct ferrule_block *disk; /* held; NULL: free */
	char name[16];
	uint64_t sectors;
	bool seen;
} known[DISKS_MAX];

static void look(unsigned i, uint64_t sectors)
{
	static unsigned char sector[4096];
	uint64_t last = sectors - sizeof(sector) / FERRULE_SECTOR_BYTES;

	known[i].sectors = sectors;
	printf("now %s %llu\n", known[i].name, (unsigned long long)sectors);
	printf("read %s %d\n", known[i].name,
	       ferrule_block_read(known[i].disk, last, sector, sizeof(sector)));
}

/* A medium that is exchanged shows when it is read. */
static void touch(unsigned i)
{
	static unsigned char sector[4096];

	ferrule_block_read(known[i].disk, 0, sector, sizeof(sector));
}

/* Keeps the disk, or knows it already. */
static void meet(struct ferrule_block *disk, const struct ferrule_block_info *info)
{
	unsigned free = DISKS_MAX;

	for (unsigned i = 0; i < DISKS_MAX; i++) {
		if (known[i].disk == disk) {
			known[i].seen = true;
			ferrule_block_release(disk);
			if (known[i].sectors != info->sectors)
				look(i, info->sectors);
			else if (info->read_only)
				touch(i);
			return;
		}
		if (!known[i].disk)
			free = i;
	}
	if (free == DISKS_MAX)
		return;
	known[free].disk = disk;
	known[free].seen = true;
	strcpy(known[free].name, info->name);
	look(free, info->sectors);
}

static void part(unsigned i)
{
	unsigned char sector[FERRULE_SECTOR_BYTES];

	printf("gone %s\n", known[i].name);
	printf("held %s %d\n", known[i].name,
	       ferrule_block_read(known[i].disk, 0, sector, sizeof(sector)));
	ferrule_block_release(known[i].disk);
	known[i].disk = NULL;
}

int main(void)
{
	for (;;) {
		struct ferrule_block *disk;
		struct ferrule_block_info info;

		for (unsigned i = 0; i < DISKS_MAX; i++)
			known[i].seen = false;
		for (unsigned i = 0; (disk = ferrule_block_at(i)); i++) {
			ferrule_block_info(disk, &info);
			if (info.sectors == 1)
				return 0;
			meet(disk, &info);
		}
		for (unsigned i = 0; i < DISKS_MAX; i++)
			if (known[i].disk && !known[i].seen)
				part(i);
		usleep(20000);
	}
}
