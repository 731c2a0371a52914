/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The descriptor table: file pointers with the close-on-exec flag in bit 0.
 *
 * A lookup is a few instructions under the table's spinlock; the table doubles when it is
 * full, and the old one is freed once no lookup can be reading it. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <kernel/heap.h>
#include <posix/file.h>
#include <posix/files.h>
#include <posix/tty.h>

#define FIRST_SLOTS 16

unsigned fd_limit = 1u << 20;

/* All under lock, save the tables' growth, which grow() copies under it too. */
static struct spinlock lock;
static struct file *first_slots[FIRST_SLOTS] = { &tty_file, &tty_file, &tty_file };
static struct file **slots = first_slots;
static unsigned slot_count = FIRST_SLOTS;
static unsigned lowest_free = 3; /* no slot below it is free */

static struct file *slot_file(struct file *slot)
{
	return (struct file *)((uintptr_t)slot & ~(uintptr_t)1);
}

static struct file *slot_value(struct file *file, bool close_on_exec)
{
	return (struct file *)((uintptr_t)file | close_on_exec);
}

struct file *fd_get(int fd)
{
	unsigned long flags = spin_lock(&lock);
	struct file *file = NULL;

	if ((unsigned)fd < slot_count) {
		file = slot_file(slots[fd]);
		if (file)
			file_get(file);
	}
	spin_unlock(&lock, flags);
	return file;
}

/* Makes room for descriptor `fd`; 0 or -ENOMEM. Takes the lock itself. */
static int grow(unsigned fd)
{
	unsigned count = FIRST_SLOTS;
	struct file **larger, **old = NULL;
	unsigned long flags;

	while (count <= fd)
		count *= 2;
	larger = kzalloc(count * sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	flags = spin_lock(&lock);
	if (slot_count < count) {
		memcpy(larger, slots, slot_count * sizeof(*larger));
		old = slots == first_slots ? NULL : slots;
		slots = larger;
		slot_count = count;
		larger = NULL;
	}
	spin_unlock(&lock, flags);
	kfree(larger); /* another thread was faster */
	kfree(old);
	return 0;
}

/* Under the lock: the lowest free slot from `minimum` on, slot_count if none. */
static unsigned find_free(unsigned minimum)
{
	unsigned fd = minimum < lowest_free ? lowest_free : minimum;

	while (fd < slot_count && slots[fd])
		fd++;
	return fd;
}

int fd_install_from(struct file *file, int minimum, bool close_on_exec)
{
	unsigned from = (unsigned)minimum;

	for (;;) {
		unsigned long flags = spin_lock(&lock);
		unsigned fd = find_free(from);

		if (fd < slot_count && fd < fd_limit) {
			slots[fd] = slot_value(file, close_on_exec);
			if (from <= lowest_free)
				lowest_free = fd + 1;
			spin_unlock(&lock, flags);
			return (int)fd;
		}
		spin_unlock(&lock, flags);
		if (fd >= fd_limit || grow(fd)) {
			file_put(file);
			return fd >= fd_limit ? -EMFILE : -ENOMEM;
		}
	}
}

int fd_install(struct file *file, bool close_on_exec)
{
	return fd_install_from(file, 0, close_on_exec);
}

int fd_install_at(struct file *file, int fd, bool close_on_exec)
{
	struct file *old;
	unsigned long flags;

	if (fd < 0 || (unsigned)fd >= fd_limit) {
		file_put(file);
		return -EBADF;
	}
	flags = spin_lock(&lock);
	while ((unsigned)fd >= slot_count) {
		spin_unlock(&lock, flags);
		if (grow((unsigned)fd)) {
			file_put(file);
			return -ENOMEM;
		}
		flags = spin_lock(&lock);
	}
	old = slot_file(slots[fd]);
	slots[fd] = slot_value(file, close_on_exec);
	spin_unlock(&lock, flags);
	if (old)
		file_put(old);
	return fd;
}

long sys_close(int fd)
{
	struct file *file = NULL;
	unsigned long flags = spin_lock(&lock);

	if ((unsigned)fd < slot_count) {
		file = slot_file(slots[fd]);
		slots[fd] = NULL;
		if (file && (unsigned)fd < lowest_free)
			lowest_free = (unsigned)fd;
	}
	spin_unlock(&lock, flags);
	if (!file)
		return -EBADF;
	file_put(file);
	return 0;
}

int fd_flags(int fd)
{
	int result = -EBADF;
	unsigned long flags = spin_lock(&lock);

	if ((unsigned)fd < slot_count && slots[fd])
		result = (uintptr_t)slots[fd] & 1 ? FD_CLOEXEC : 0;
	spin_unlock(&lock, flags);
	return result;
}

int fd_set_flags(int fd, int value)
{
	int result = -EBADF;
	unsigned long flags = spin_lock(&lock);

	if ((unsigned)fd < slot_count && slots[fd]) {
		slots[fd] = slot_value(slot_file(slots[fd]), value & FD_CLOEXEC);
		result = 0;
	}
	spin_unlock(&lock, flags);
	return result;
}

long sys_close_range(unsigned first, unsigned last, unsigned flags)
{
	if (first > last || flags & ~4u) /* CLOSE_RANGE_CLOEXEC */
		return -EINVAL;
	for (unsigned fd = first; fd <= last && fd < slot_count; fd++) {
		if (flags)
			fd_set_flags((int)fd, FD_CLOEXEC);
		else
			sys_close((int)fd);
	}
	return 0;
}
