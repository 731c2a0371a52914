/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The list of disks: names, finding, holding, removal. */

#include <string.h>
#include <kernel/cmdline.h>
#include <kernel/format.h>
#include <kernel/log.h>
#include <virtio/device/disk.h>

CMDLINE_KEY(disk_queues,
	    "how many request queues a disk uses if it has them; default: 1");

#define QUEUES_MAX 64

static struct ferrule_block *disks; /* in order of finding; under disks_lock */
static struct spinlock disks_lock;

unsigned disk_queues_wanted(void)
{
	const char *text = cmdline_value("disk_queues", 0);
	uint64_t count = 1;

	if (text && !cmdline_number(text, 1, UINT64_MAX, &count))
		log_warn("disk_queues: not a number from 1 to %u", QUEUES_MAX);
	return count < QUEUES_MAX ? (unsigned)count : QUEUES_MAX;
}

/* vda … vdz, vdaa …; pmem0 … */
static void make_name(char name[16], const char *prefix, unsigned number)
{
	char letters[8];
	unsigned at = sizeof(letters);

	if (strlen(prefix) > 2) {
		format(name, 16, "%s%u", prefix, number);
		return;
	}
	letters[--at] = '\0';
	do {
		letters[--at] = (char)('a' + number % 26);
		number /= 26;
	} while (number-- && at);
	format(name, 16, "%s%s", prefix, &letters[at]);
}

static bool name_taken(const char *name)
{
	for (struct ferrule_block *each = disks; each; each = each->next)
		if (!strcmp(each->info.name, name))
			return true;
	return false;
}

void disk_add(struct ferrule_block *disk, const char *prefix)
{
	unsigned long flags = spin_lock(&disks_lock);
	struct ferrule_block **end = &disks;
	unsigned number = 0;

	do {
		make_name(disk->info.name, prefix, number++);
	} while (name_taken(disk->info.name));
	while (*end)
		end = &(*end)->next;
	*end = disk;
	spin_unlock(&disks_lock, flags);
}

/* Takes a removed disk that nobody holds off the list. Under disks_lock. */
static bool drop(struct ferrule_block *disk)
{
	struct ferrule_block **link = &disks;

	if (disk->holders || !disk->gone)
		return false;
	while (*link && *link != disk)
		link = &(*link)->next;
	if (*link)
		*link = disk->next;
	return true;
}

void disk_remove(struct ferrule_block *disk)
{
	unsigned long flags = spin_lock(&disks_lock);
	bool unused;

	__atomic_store_n(&disk->gone, true, __ATOMIC_RELEASE);
	unused = drop(disk);
	spin_unlock(&disks_lock, flags);
	if (unused)
		disk->operations->free(disk);
	else
		wait_wake(&disk->resized, WAKE_ALL, 0);
}

void ferrule_block_release(struct ferrule_block *disk)
{
	unsigned long flags = spin_lock(&disks_lock);
	bool unused;

	disk->holders--;
	unused = drop(disk);
	spin_unlock(&disks_lock, flags);
	if (unused)
		disk->operations->free(disk);
}

struct ferrule_block *ferrule_block_at(unsigned index)
{
	unsigned long flags = spin_lock(&disks_lock);
	struct ferrule_block *disk = disks;

	while (disk && (disk->gone || index--))
		disk = disk->next;
	if (disk)
		disk->holders++;
	spin_unlock(&disks_lock, flags);
	return disk;
}

static bool is_named(struct ferrule_block *disk, const char *name)
{
	return !strcmp(disk->info.name, name);
}

static bool has_serial(struct ferrule_block *disk, const char *serial)
{
	struct ferrule_block_info info;

	ferrule_block_info(disk, &info);
	return !strcmp(info.serial, serial);
}

static struct ferrule_block *find(const char *name,
				  bool (*is)(struct ferrule_block *, const char *))
{
	struct ferrule_block *disk;

	for (unsigned i = 0; (disk = ferrule_block_at(i)); i++) {
		if (is(disk, name))
			return disk;
		ferrule_block_release(disk);
	}
	return NULL;
}

struct ferrule_block *ferrule_block_find(const char *name)
{
	struct ferrule_block *disk = find(name, is_named);

	return disk || !*name ? disk : find(name, has_serial);
}

void disk_resized(struct ferrule_block *disk, uint64_t sectors)
{
	__atomic_store_n(&disk->sectors, sectors, __ATOMIC_RELEASE);
	wait_wake(&disk->resized, WAKE_ALL, 0);
}
