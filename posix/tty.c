/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The terminal: a line discipline over the console.
 *
 * Typed bytes wait raw in kernel/console.c; they are edited and echoed when a thread reads
 * the terminal or asks whether it can be read. The interrupt characters (^C, ^\\, ^Z) are
 * dropped: there is one process and nobody to interrupt it for. */

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
#include <kernel/sync.h>
#include <kernel/time.h>
#include <posix/pointer.h>
#include <posix/signal.h>
#include <posix/tty.h>

#define INPUT_BYTES 4096  /* a power of two; a line is at most one less (MAX_CANON) */
#define END_OF_FILE 0x100 /* in the input buffer: where ^D was typed */

/* The kernel's struct termios, the first part of the C library's (ioctl_tty(2)). */
struct kernel_termios {
	uint32_t input, output, control, local;
	uint8_t line;
	uint8_t characters[19];
};

/* All under mutex. Counters run freely; [head, committed) can be read, [committed, tail)
 * is the line being edited. The buffer is allocated when somebody reads. */
static struct mutex mutex;
static uint16_t *input;
static uint32_t head, committed, tail;
static struct kernel_termios settings = {
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
static struct wait console_watch;
static bool watching; /* console_watch is queued; under mutex */

static void echo(const char *text, size_t length)
{
	if (settings.local & ECHO)
		console_write(text, length);
}

static void echo_character(uint8_t c)
{
	char text[2] = { '^', (char)(c ^ 0x40) };

	if ((c < 32 || c == 127) && c != '\n' && c != '\t' && settings.local & ECHOCTL)
		echo(text, 2);
	else
		echo((const char *)&c, 1);
}

/* Takes the last character of the line back; in UTF-8, all its bytes. */
static void erase_character(void)
{
	uint8_t c;

	do {
		c = (uint8_t)input[--tail % INPUT_BYTES];
	} while (settings.input & IUTF8 && (c & 0xc0) == 0x80 && tail != committed);
	echo("\b \b", 3);
	if (c < 32 && c != '\t')
		echo("\b \b", 3);
}

static bool is_character(uint8_t c, unsigned which)
{
	return c && c == settings.characters[which];
}

static void put(uint16_t value)
{
	input[tail++ % INPUT_BYTES] = value;
}

static void edit_word_back(void)
{
	while (tail != committed && input[(tail - 1) % INPUT_BYTES] == ' ')
		erase_character();
	while (tail != committed && input[(tail - 1) % INPUT_BYTES] != ' ')
		erase_character();
}

/* One byte in canonical mode. */
static void edit(uint8_t c)
{
	if (is_character(c, VERASE) || c == '\b') {
		if (tail != committed)
			erase_character();
	} else if (is_character(c, VKILL)) {
		while (tail != committed)
			erase_character();
	} else if (is_character(c, VWERASE)) {
		edit_word_back();
	} else if (is_character(c, VEOF)) {
		put(END_OF_FILE);
		committed = tail;
	} else if (c == '\n' || is_character(c, VEOL)) {
		put(c);
		committed = tail;
		if (settings.local & (ECHO | ECHONL))
			console_write("\n", 1);
	} else if (tail - head < INPUT_BYTES - 1) { /* one place is kept for the end */
		put(c);
		echo_character(c);
	}
}

static void take(uint8_t c)
{
	if (settings.local & ISIG &&
	    (is_character(c, VINTR) || is_character(c, VQUIT) || is_character(c, VSUSP)))
		return;
	if (c == '\r' && settings.input & IGNCR)
		return;
	if (c == '\r' && settings.input & ICRNL)
		c = '\n';
	else if (c == '\n' && settings.input & INLCR)
		c = '\r';
	if (settings.local & ICANON) {
		edit(c);
		return;
	}
	put(c);
	committed = tail;
	echo_character(c);
}

static void input_came(struct wait *self, uintptr_t what)
{
	unsigned long flags = spin_lock(&files_lock);

	(void)self;
	(void)what;
	file_notify(&tty_file, POLLIN);
	for (struct tty *tty = files; tty; tty = tty->next)
		file_notify(&tty->file, POLLIN);
	spin_unlock(&files_lock, flags);
}

/* Edits what was typed since the last time. Under mutex; false without memory. */
static bool pump(void)
{
	char typed[64];
	size_t count;

	if (!input) {
		input = kmalloc(INPUT_BYTES * sizeof(*input));
		if (!input)
			return false;
	}
	if (!watching) {
		watching = true;
		wait_begin_notify(&console_readers, &console_watch, input_came);
	}
	/* What does not fit stays in the console; a full line can still be edited. */
	while (committed - head <= INPUT_BYTES - 1 - sizeof(typed)) {
		count = tail - head;
		if (!(settings.local & ICANON) && count > INPUT_BYTES - sizeof(typed))
			break;
		count = console_read(typed, sizeof(typed));
		if (!count)
			break;
		for (size_t i = 0; i < count; i++)
			if (tail - head < INPUT_BYTES)
				take((uint8_t)typed[i]);
	}
	return true;
}

/* How many bytes a read in canonical mode gets, at most `bytes`: up to a line's end. */
static size_t copy_line(char *out, size_t bytes)
{
	size_t done = 0;

	while (head != committed && done < bytes) {
		uint16_t c = input[head % INPUT_BYTES];

		head++;
		if (c == END_OF_FILE)
			return done;
		out[done++] = (char)c;
		if (c == '\n' || is_character((uint8_t)c, VEOL))
			return done;
	}
	/* An end of file right behind belongs to this read. */
	if (done && head != committed && input[head % INPUT_BYTES] == END_OF_FILE)
		head++;
	return done;
}

static size_t copy_raw(char *out, size_t bytes)
{
	size_t done = 0;

	while (head != committed && done < bytes)
		out[done++] = (char)input[head++ % INPUT_BYTES];
	return done;
}

/* What a read waits for: whether there is enough, and until when (termios(3), the cases
 * of MIN and TIME; times in tenths of a second). */
static bool enough(size_t bytes, uint64_t started_ns, uint64_t *deadline_ns)
{
	uint8_t least = settings.characters[VMIN], time = settings.characters[VTIME];

	*deadline_ns = NO_DEADLINE;
	if (settings.local & ICANON)
		return head != committed;
	if (!least && !time)
		return true;
	if (time && (!least || head != committed))
		*deadline_ns = started_ns + time * 100 * NS_PER_MS;
	if (!least)
		return head != committed;
	return committed - head >= (least < bytes ? least : bytes);
}

static ssize_t tty_read(struct file *file, char *out, size_t bytes)
{
	uint64_t deadline_ns, since_ns = clock_ns();
	bool in_time = true;
	ssize_t result = 0;
	struct wait wait;
	uint32_t seen;

	wait_begin(&console_readers, &wait);
	mutex_lock(&mutex);
	for (seen = tail;; seen = tail) {
		if (!pump()) {
			result = -ENOMEM;
			break;
		}
		if (tail != seen)
			since_ns = clock_ns();
		if (enough(bytes, since_ns, &deadline_ns) || !in_time)
			break;
		if (file->flags & O_NONBLOCK) {
			if (head == committed)
				result = -EAGAIN;
			break;
		}
		if (signal_pending()) {
			result = -EINTR;
			break;
		}
		mutex_unlock(&mutex);
		in_time = wait_sleep(&wait, deadline_ns);
		mutex_lock(&mutex);
	}
	if (!result)
		result = (ssize_t)(settings.local & ICANON ? copy_line(out, bytes)
							   : copy_raw(out, bytes));
	mutex_unlock(&mutex);
	wait_end(&wait);
	return result;
}

static ssize_t tty_readv(struct file *file, const struct iovec *vector, int count,
			 off_t *offset)
{
	(void)offset;
	for (int i = 0; i < count; i++)
		if (vector[i].iov_len) /* a terminal answers with one line at most */
			return tty_read(file, vector[i].iov_base, vector[i].iov_len);
	return 0;
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

static short tty_poll(struct file *file)
{
	short events = POLLOUT | POLLWRNORM;

	(void)file;
	mutex_lock(&mutex);
	if (pump() && head != committed)
		events |= POLLIN | POLLRDNORM;
	mutex_unlock(&mutex);
	return events;
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

/* Changing the mode hands over the line that was being edited (tcsetattr(3)). */
static void set_termios(const struct kernel_termios *new, bool flush)
{
	mutex_lock(&mutex);
	settings = *new;
	if (flush && input && pump())
		head = committed = tail;
	else if (!(settings.local & ICANON))
		committed = tail;
	mutex_unlock(&mutex);
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
	mutex_lock(&mutex);
	*out = pump() ? (int)(committed - head) : 0;
	mutex_unlock(&mutex);
	return 0;
}

static int flush_input(void)
{
	mutex_lock(&mutex);
	if (pump())
		head = committed = tail;
	mutex_unlock(&mutex);
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
		memcpy(argument, &settings, sizeof(settings));
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
