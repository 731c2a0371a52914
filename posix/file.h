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

#include <fcntl.h>
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
	bool watched;		   /* was in an epoll set; set under epoll.c's lock */
	struct wait_queue pollers; /* threads and epoll sets waiting for events */
};

/* What the file was opened for: with O_PATH, for neither. */
static inline bool file_may_read(const struct file *file)
{
	int mode = file->flags & O_ACCMODE;

	return mode == O_RDONLY || mode == O_RDWR;
}

static inline bool file_may_write(const struct file *file)
{
	int mode = file->flags & O_ACCMODE;

	return mode == O_WRONLY || mode == O_RDWR;
}

void file_init(struct file *file, const struct file_operations *operations, int flags);
struct file *file_get(struct file *file); /* one more reference */
void file_put(struct file *file);

/* Says that `events` may have become true. Any context; cheap when nobody waits. */
static inline void file_notify(struct file *file, short events)
{
	/* The change itself must be visible before the look at who waits: a waiter queues
	 * itself first and looks at the state second. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&file->pollers.first, __ATOMIC_ACQUIRE))
		wait_wake(&file->pollers, WAKE_ALL, (uintptr_t)(unsigned short)events);
}

/* The descriptor table; grows without a fixed limit up to RLIMIT_NOFILE. */
int fd_install(struct file *file,
	       bool close_on_exec); /* takes the reference; or -EMFILE */
struct file *fd_get(int fd);	    /* a new reference, or NULL: -EBADF */
/* Installs at the lowest free descriptor >= minimum; or exactly at fd, closing what was
 * there. Both take the reference; on failure too. */
int fd_install_from(struct file *file, int minimum, bool close_on_exec);
int fd_install_at(struct file *file, int fd, bool close_on_exec);
/* The close-on-exec flag: FD_CLOEXEC or 0, -EBADF. */
int fd_flags(int fd);
int fd_set_flags(int fd, int flags);
/* RLIMIT_NOFILE, soft: the first descriptor that is not given out. prlimit64() sets it. */
extern unsigned fd_limit;

/* Sleeps on the file's pollers until ready(file, context) or the deadline; 0, -ETIMEDOUT,
 * -EAGAIN with O_NONBLOCK, -EINTR. `ready` may take locks and runs in the thread. */
int file_wait(struct file *file, bool (*ready)(struct file *file, void *context),
	      void *context, uint64_t deadline_ns);

/* The position's lock, for calls that read and move it in one step. */
void file_offset_lock(struct file *file);
void file_offset_unlock(struct file *file);

/* Reads or writes at the file's own position (a stream's next bytes). */
ssize_t file_readv(struct file *file, const struct iovec *vector, int count);
ssize_t file_writev(struct file *file, const struct iovec *vector, int count);

/* Called when a watched file loses its last reference, before release(): takes the
 * watches off file->pollers. Set by epoll.c when it is in use. */
extern void (*file_watches_drop)(struct file *file);

/* Copies between an iovec and flat memory from a position on; returns bytes copied. */
size_t iovec_length(const struct iovec *vector, int count);
size_t iovec_copy_in(void *to, size_t bytes, const struct iovec *vector, int count,
		     size_t position); /* iovec → to */
size_t iovec_copy_out(const void *from, size_t bytes, const struct iovec *vector,
		      int count, size_t position); /* from → iovec */

#endif
