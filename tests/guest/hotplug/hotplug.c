/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Says which virtio devices come and go, and reads each disk all the time, until a disk with
 * the serial number "end" comes. */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <ferrule/block.h>
#include <ferrule/device.h>
#include <ferrule/entropy.h>

#define MAX 32

struct seen {
	char name[16], where[16];
	bool now;
};

static struct seen devices[MAX];
static unsigned device_count;
static bool ended;

/* FNV-1a, 64 bits. */
static unsigned long long checksum(const unsigned char *data, size_t bytes)
{
	unsigned long long sum = 0xcbf29ce484222325;

	for (size_t i = 0; i < bytes; i++)
		sum = (sum ^ data[i]) * 0x100000001b3;
	return sum;
}

/* Reads a disk from beginning to end, again and again, until that fails. */
static void read_disk(const char *name)
{
	static unsigned char data[65536];
	struct ferrule_block *disk = ferrule_block_find(name);
	struct ferrule_block_info info;
	unsigned long reads = 0;
	int status = 0;

	if (!disk)
		return;
	ferrule_block_info(disk, &info);
	status = ferrule_block_read(disk, 0, data, sizeof(data));
	printf("disk %s '%s': %llu sectors, read %d, sum %016llx\n", info.name,
	       info.serial, (unsigned long long)info.sectors, status,
	       checksum(data, sizeof(data)));
	ended = strcmp(info.serial, "end") == 0;
	for (uint64_t sector = 0; !status && !ended; sector += 128, reads++)
		status = ferrule_block_read(disk, sector % (info.sectors / 128 * 128),
					    data, sizeof(data));
	if (!ended)
		printf("disk %s '%s' ended with %d after %s reads\n", info.name,
		       info.serial, status, reads ? "some" : "no");
	ferrule_block_release(disk);
}

static struct seen *find(const char *name, const char *where)
{
	for (unsigned i = 0; i < device_count; i++)
		if (strcmp(devices[i].name, name) == 0 &&
		    strcmp(devices[i].where, where) == 0)
			return &devices[i];
	return NULL;
}

static void look(void)
{
	struct ferrule_device_info info;

	for (unsigned i = 0; i < device_count; i++)
		devices[i].now = false;
	for (unsigned i = 0; ferrule_device_info(i, &info); i++) {
		struct seen *seen = find(info.name, info.where);

		if (!info.live)
			continue;
		if (seen) {
			seen->now = true;
			continue;
		}
		if (device_count == MAX)
			continue;
		seen = &devices[device_count++];
		memcpy(seen->name, info.name, sizeof(seen->name));
		memcpy(seen->where, info.where, sizeof(seen->where));
		seen->now = true;
		printf("plugged %s at %s, %s\n", info.name, info.where, info.interrupts);
	}
	for (unsigned i = 0; i < device_count;) {
		if (devices[i].now) {
			i++;
			continue;
		}
		printf("unplugged %s\n", devices[i].name);
		devices[i] = devices[--device_count];
	}
}

int main(void)
{
	unsigned char random[8];
	struct ferrule_block *disk;
	char name[16];

	/* So that the drivers of a network card and of an entropy device are here. */
	close(socket(AF_INET, SOCK_DGRAM, 0));
	ferrule_entropy_read(random, sizeof(random));
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("watching\n");
	while (!ended) {
		look();
		disk = ferrule_block_at(0);
		if (disk) {
			struct ferrule_block_info info;

			ferrule_block_info(disk, &info);
			memcpy(name, info.name, sizeof(name));
			ferrule_block_release(disk);
			read_disk(name);
		}
		usleep(10000);
	}
	printf("the end\n");
	return 0;
}
