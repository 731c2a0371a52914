/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The terminal: the console, with a line discipline, as an open file. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <ferrule/console.h>
#include <kernel/console.h>
#include <kernel/heap.h>
#include <posix/pointer.h>
#include <posix/tty.h>
#include <posix/tty_line.h>

/* Reading, and the line discipline with it, is linked in with the calls that may come to
 * read a terminal (TTY_INPUT_NEEDED); weak, because a
 * program that only writes shall not carry it. Without such a call nobody can tell. */
#pragma weak tty_readv
#pragma weak tty_poll
#pragma weak tty_input_change
#pragma weak tty_input_bytes
#pragma weak tty_input_drop

struct mutex tty_mutex;
struct kernel_termios tty_settings = {
	.input = ICRNL | IXON | IUTF8,
	.output = OPOST | ONLCR,
	.control = B38400 | CS8 | CREAD,
	.local = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.characters = { [VINTR] = 3,
			[VQUIT] = 28,
			[VERASE] = 127,
			[VKILL] = 21,
			[VEOF] = 4,
			[VMIN] = 1,
			[VSTART] = 17,
			[VSTOP] = 19,
			[VSUSP] = 26,
			[VREPRINT] = 18,
			[VWERASE] = 23,
			[VLNEXT] = 22 },
};
static struct winsize told_size; /* by TIOCSWINSZ; zero: what the console says */

static struct spinlock files_lock;
static struct tty {
	struct file file;
	struct tty *next;
} * files; /* opened beside tty_file; under files_lock */

void tty_input_came(void)
{
	unsigned long flags = spin_lock(&files_lock);

	file_notify(&tty_file, POLLIN);
	for (struct tty *tty = files; tty; tty = tty->next)
		file_notify(&tty->file, POLLIN);
	spin_unlock(&files_lock, flags);
}

/* The console writes under spinlocks, where a page of the application's memory may not be
 * faulted in: it is touched here. */
static void populate(const char *text, size_t bytes)
{
	const volatile char *page = text;

	for (size_t i = 0; i < bytes; i += PAGE_BYTES)
		(void)page[i];
	(void)page[bytes - 1];
}

static ssize_t tty_writev(struct file *file, const struct iovec *vector, int count,
			  off_t *offset)
{
	char line[256]; /* pieces of one short line go out as one */
	size_t total = iovec_length(vector, count);

	(void)file;
	(void)offset;
	if (total <= sizeof(line)) {
		iovec_copy_in(line, total, vector, count, 0);
		if (total)
			console_write(line, total);
		return (ssize_t)total;
	}
	for (int i = 0; i < count; i++) {
		if (!vector[i].iov_len)
			continue;
		populate(vector[i].iov_base, vector[i].iov_len);
		console_write(vector[i].iov_base, vector[i].iov_len);
	}
	return (ssize_t)total;
}

static int tty_stat(struct file *file, struct stat *out)
{
	(void)file;
	memset(out, 0, sizeof(*out));
	out->st_mode = S_IFCHR | 0620;
	out->st_nlink = 1;
	out->st_rdev = makedev(5, 1);
	out->st_blksize = 1024;
	return 0;
}

static void set_termios(const struct kernel_termios *new, bool flush)
{
	mutex_lock(&tty_mutex);
	tty_settings = *new;
	if (tty_input_change)
		tty_input_change(flush);
	mutex_unlock(&tty_mutex);
}

static int get_size(struct winsize *out)
{
	struct ferrule_console_size size = ferrule_console_size();

	*out = told_size;
	if (!out->ws_col && !out->ws_row) {
		out->ws_col = size.columns;
		out->ws_row = size.rows;
	}
	return 0;
}

static int readable_bytes(int *out)
{
	*out = tty_input_bytes ? (int)tty_input_bytes() : 0;
	return 0;
}

static int flush_input(void)
{
	if (tty_input_drop)
		tty_input_drop();
	return 0;
}

static int tty_ioctl(struct file *file, unsigned long request, void *argument)
{
	struct kernel_termios new;

	(void)file;
	switch (request) {
	case TCFLSH: /* the argument is a number */
		return (uintptr_t)argument == TCOFLUSH ? 0 : flush_input();
	case TCSBRK:
	case TCXONC:
	case TIOCSCTTY:
	case TIOCNOTTY:
		return 0;
	}
	if (pointer_is_bad(argument))
		return -EFAULT;
	switch (request) {
	case TIOCGWINSZ:
		return get_size(argument);
	case TIOCSWINSZ:
		told_size = *(const struct winsize *)argument;
		return 0;
	case TCGETS:
		memcpy(argument, &tty_settings, sizeof(tty_settings));
		return 0;
	case TCSETS:
	case TCSETSW: /* output is never held back */
	case TCSETSF:
		memcpy(&new, argument, sizeof(new));
		set_termios(&new, request == TCSETSF);
		return 0;
	case FIONREAD:
		return readable_bytes(argument);
	case TIOCGPGRP:
	case TIOCGSID:
		*(pid_t *)argument = 1; /* the only process */
		return 0;
	case TIOCSPGRP:
		return *(const pid_t *)argument == 1 ? 0 : -EPERM;
	}
	return -ENOTTY;
}

static void tty_release(struct file *file)
{
	struct tty *tty = (struct tty *)file, **link;
	unsigned long flags = spin_lock(&files_lock);

	for (link = &files; *link && *link != tty; link = &(*link)->next)
		;
	if (*link)
		*link = tty->next;
	spin_unlock(&files_lock, flags);
	kfree(tty);
}

static const struct file_operations tty_operations = {
	.name = "tty",
	.readv = tty_readv,
	.writev = tty_writev,
	.poll = tty_poll,
	.stat = tty_stat,
	.ioctl = tty_ioctl,
	.release = tty_release,
};

struct file tty_file = {
	.operations = &tty_operations,
	.references = 4, /* three descriptors, and one that is never given back */
	.flags = O_RDWR,
};

struct file *tty_open(int flags)
{
	struct tty *tty = kmalloc(sizeof(*tty));
	unsigned long irq;

	if (!tty)
		return NULL;
	file_init(&tty->file, &tty_operations, flags);
	irq = spin_lock(&files_lock);
	tty->next = files;
	files = tty;
	spin_unlock(&files_lock, irq);
	return &tty->file;
}
