/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Open files: what a descriptor refers to, be it a disk file, a pipe, a socket or the
 * console. Each kind is a struct that begins with `struct file` and a table of operations.
 *
 * A system call is a function `long sys_NAME(…)` with the kernel's argument order that
 * returns a result or a negative errno; it lives in the file of its topic. The C library
 * calls it directly and reads a whole register: it returns long (or ssize_t, off_t), never
 * int, whose upper half is undefined. NAME is the kernel's for this machine: pread64,
 * newfstatat, sendfile. */

#ifndef POSIX_FILE_H
#define POSIX_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <poll.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <kernel/thread.h>

struct file;
struct stat;

struct file_operations {
	const char *name;
	/* Scatter input and output. `offset` is the position to use and to advance for
	 * files that have one; NULL for streams (pipes, sockets, terminals). A call blocks
	 * unless O_NONBLOCK is in file->flags (-EAGAIN). NULL: -EINVAL. */
	ssize_t (*readv)(struct file *file, const struct iovec *vector, int count,
			 off_t *offset);
	ssize_t (*writev)(struct file *file, const struct iovec *vector, int count,
			  off_t *offset);
	/* The POLL… events that are true now. NULL: always readable and writable. A change
	 * is announced by file_notify(). */
	short (*poll)(struct file *file);
	int (*stat)(struct file *file, struct stat *out);
	int (*ioctl)(struct file *file, unsigned long request, void *argument);
	int (*truncate)(struct file *file, off_t length);
	int (*sync)(struct file *file);
	/* Fills out with struct dirent entries as getdents64 does; bytes, 0 at the end. */
	ssize_t (*getdents)(struct file *file, void *out, size_t bytes, off_t *offset);
	off_t (*size)(struct file *file); /* for SEEK_END; NULL: not seekable (-ESPIPE) */
	/* The last reference is gone: free it. */
	void (*release)(struct file *file);
};

struct file {
	const struct file_operations *operations;
	unsigned references;	   /* atomic */
	int flags;		   /* O_ACCMODE, O_NONBLOCK, O_APPEND; atomic words */
	off_t offset;		   /* under offset_lock */
	bool offset_busy;	   /* file.c's */
	struct wait_queue pollers; /* threads and epoll sets waiting for events */
};

void file_init(struct file *file, const struct file_operations *operations, int flags);
struct file *file_get(struct file *file); /* one more reference */
void file_put(struct file *file);

/* Says that `events` may have become true. Any context; cheap when nobody waits. */
static inline void file_notify(struct file *file, short events)
{
	if (__atomic_load_n(&file->pollers.first, __ATOMIC_ACQUIRE))
		wait_wake(&file->pollers, WAKE_ALL, (uintptr_t)(unsigned short)events);
}

/* The descriptor table; grows without a fixed limit up to RLIMIT_NOFILE. */
int fd_install(struct file *file,
	       bool close_on_exec); /* takes the reference; or -EMFILE */
struct file *fd_get(int fd);	    /* a new reference, or NULL: -EBADF */

/* Copies between an iovec and flat memory from a position on; returns bytes copied. */
size_t iovec_length(const struct iovec *vector, int count);
size_t iovec_copy_in(void *to, size_t bytes, const struct iovec *vector, int count,
		     size_t position); /* iovec → to */
size_t iovec_copy_out(const void *from, size_t bytes, const struct iovec *vector,
		      int count, size_t position); /* from → iovec */

#endif
