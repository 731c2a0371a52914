/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The terminal: what is typed, as the open file's input.
 *
 * It has one reader. Where the status shell is linked in, that is the shell, and standard
 * input is at its end. */

#include <errno.h>
#include <fcntl.h>
#include <termios.h>
#include <kernel/console.h>
#include <kernel/time.h>
#include <posix/signal.h>
#include <posix/tty.h>
#include <posix/tty_line.h>

/* There if the application asked for it. */
void ferrule_shell(void) __attribute__((weak));

static bool input_is_taken(void)
{
	return ferrule_shell;
}

static ssize_t tty_read(struct file *file, char *out, size_t bytes)
{
	uint64_t deadline_ns, since_ns = clock_ns();
	bool in_time = true;
	ssize_t result = 0;
	struct wait wait;
	uint32_t seen;

	if (input_is_taken())
		return 0;
	wait_begin(&console_readers, &wait);
	mutex_lock(&tty_mutex);
	for (seen = tty_line_progress();; seen = tty_line_progress()) {
		if (!tty_line_pump()) {
			result = -ENOMEM;
			break;
		}
		if (tty_line_progress() != seen)
			since_ns = clock_ns();
		if (tty_line_enough(bytes, since_ns, &deadline_ns) || !in_time)
			break;
		if (file->flags & O_NONBLOCK) {
			if (!tty_line_readable())
				result = -EAGAIN;
			break;
		}
		if (signal_pending()) {
			result = -EINTR;
			break;
		}
		mutex_unlock(&tty_mutex);
		in_time = wait_sleep(&wait, deadline_ns);
		mutex_lock(&tty_mutex);
	}
	if (!result)
		result = (ssize_t)tty_line_take(out, bytes);
	mutex_unlock(&tty_mutex);
	wait_end(&wait);
	return result;
}

ssize_t tty_readv(struct file *file, const struct iovec *vector, int count, off_t *offset)
{
	(void)offset;
	for (int i = 0; i < count; i++)
		if (vector[i].iov_len) /* a terminal answers with one line at most */
			return tty_read(file, vector[i].iov_base, vector[i].iov_len);
	return 0;
}

short tty_poll(struct file *file)
{
	short events = POLLOUT | POLLWRNORM;

	(void)file;
	if (input_is_taken())
		return events | POLLIN | POLLRDNORM; /* the end can be read */
	mutex_lock(&tty_mutex);
	if (tty_line_pump() && tty_line_readable())
		events |= POLLIN | POLLRDNORM;
	mutex_unlock(&tty_mutex);
	return events;
}

/* Changing the mode hands over the line that was being edited (tcsetattr(3)). */
void tty_input_change(bool flush)
{
	if (flush && !input_is_taken() && tty_line_pump())
		tty_line_drop();
	else if (!(tty_settings.local & ICANON))
		tty_line_commit();
}

size_t tty_input_bytes(void)
{
	size_t bytes;

	mutex_lock(&tty_mutex);
	bytes = !input_is_taken() && tty_line_pump() ? tty_line_readable() : 0;
	mutex_unlock(&tty_mutex);
	return bytes;
}

void tty_input_drop(void)
{
	mutex_lock(&tty_mutex);
	if (!input_is_taken() && tty_line_pump())
		tty_line_drop();
	mutex_unlock(&tty_mutex);
}
