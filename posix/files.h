/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The system calls on files, in the kernel's argument order. Each returns a result or a
 * negative errno; structures are as the C library defines them. */

#ifndef POSIX_FILES_H
#define POSIX_FILES_H

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

struct epoll_event;
struct itimerspec;
struct inode;

/* fd.c, io.c, positioned.c, lseek.c, ioctl.c, fcntl.c, fstat.c, fsync.c, sendfile.c */
long sys_close(int fd);
long sys_close_range(unsigned first, unsigned last, unsigned flags);
long sys_read(int fd, void *out, size_t bytes);
long sys_write(int fd, const void *in, size_t bytes);
long sys_readv(int fd, const struct iovec *vector, int count);
long sys_writev(int fd, const struct iovec *vector, int count);
long sys_pread64(int fd, void *out, size_t bytes, off_t offset);
long sys_pwrite64(int fd, const void *in, size_t bytes, off_t offset);
long sys_preadv(int fd, const struct iovec *vector, int count, long low, long high);
long sys_pwritev(int fd, const struct iovec *vector, int count, long low, long high);
long sys_lseek(int fd, off_t offset, int whence);
long sys_ioctl(int fd, unsigned long request, void *argument);
long sys_dup(int fd);
long sys_dup2(int fd, int to);
long sys_dup3(int fd, int to, int flags);
long sys_fcntl(int fd, int command, unsigned long argument);
long sys_flock(int fd, int operation);
long sys_fstat(int fd, struct stat *out);
long sys_ftruncate(int fd, off_t length);
long sys_fadvise64(int fd, off_t offset, off_t length, int advice);
long sys_fsync(int fd);
long sys_fdatasync(int fd);
long sys_getdents64(int fd, void *out, size_t bytes);
long sys_sendfile(int out_fd, int in_fd, off_t *offset, size_t bytes);
long sys_copy_file_range(int in_fd, off_t *in_offset, int out_fd, off_t *out_offset,
			 size_t bytes, unsigned flags);

/* open.c, cwd.c, stat.c, link.c, statfs.c */
long sys_open(const char *path, int flags, mode_t mode);
long sys_openat(int directory, const char *path, int flags, mode_t mode);
long sys_creat(const char *path, mode_t mode);
long sys_umask(mode_t mask);
long sys_getcwd(char *out, size_t bytes);
long sys_chdir(const char *path);
long sys_fchdir(int fd);
long sys_stat(const char *path, struct stat *out);
long sys_lstat(const char *path, struct stat *out);
long sys_newfstatat(int directory, const char *path, struct stat *out, int flags);
long sys_access(const char *path, int mode);
long sys_faccessat(int directory, const char *path, int mode);
long sys_faccessat2(int directory, const char *path, int mode, int flags);
long sys_readlink(const char *path, char *out, size_t bytes);
long sys_readlinkat(int directory, const char *path, char *out, size_t bytes);
long sys_truncate(const char *path, off_t length);
long sys_mkdir(const char *path, mode_t mode);
long sys_mkdirat(int directory, const char *path, mode_t mode);
long sys_rmdir(const char *path);
long sys_unlink(const char *path);
long sys_unlinkat(int directory, const char *path, int flags);
long sys_rename(const char *from, const char *to);
long sys_renameat(int from_directory, const char *from, int to_directory, const char *to);
long sys_renameat2(int from_directory, const char *from, int to_directory, const char *to,
		   unsigned flags);
long sys_statfs(const char *path, struct statfs *out);
long sys_fstatfs(int fd, struct statfs *out);
long sys_sync(void);
long sys_syncfs(int fd);

/* change.c */
long sys_chmod(const char *path, mode_t mode);
long sys_fchmod(int fd, mode_t mode);
long sys_fchmodat(int directory, const char *path, mode_t mode);
long sys_fchmodat2(int directory, const char *path, mode_t mode, int flags);
long sys_chown(const char *path, uid_t owner, gid_t group);
long sys_lchown(const char *path, uid_t owner, gid_t group);
long sys_fchown(int fd, uid_t owner, gid_t group);
long sys_fchownat(int directory, const char *path, uid_t owner, gid_t group, int flags);
long sys_utimensat(int directory, const char *path, const struct timespec times[2],
		   int flags);
long sys_symlink(const char *target, const char *path);
long sys_symlinkat(const char *target, int directory, const char *path);
long sys_link(const char *from, const char *to);
long sys_linkat(int from_directory, const char *from, int to_directory, const char *to,
		int flags);

/* pipe.c, poll.c, select.c, epoll.c, eventfd.c, timerfd.c */
long sys_pipe(int ends[2]);
long sys_pipe2(int ends[2], int flags);
long sys_poll(struct pollfd *fds, unsigned long count, int timeout_ms);
long sys_ppoll(struct pollfd *fds, unsigned long count, const struct timespec *timeout,
	       const sigset_t *mask, size_t mask_bytes);
long sys_select(int count, fd_set *read, fd_set *write, fd_set *except,
		struct timeval *timeout);
long sys_pselect6(int count, fd_set *read, fd_set *write, fd_set *except,
		  struct timespec *timeout, const void *mask);
long sys_epoll_create(int size);
long sys_epoll_create1(int flags);
long sys_epoll_ctl(int epfd, int operation, int fd, struct epoll_event *event);
long sys_epoll_wait(int epfd, struct epoll_event *events, int count, int timeout_ms);
long sys_epoll_pwait(int epfd, struct epoll_event *events, int count, int timeout_ms,
		     const sigset_t *mask, size_t mask_bytes);
long sys_eventfd(unsigned count);
long sys_eventfd2(unsigned count, int flags);
long sys_timerfd_create(int clock, int flags);
long sys_timerfd_settime(int fd, int flags, const struct itimerspec *value,
			 struct itimerspec *old);
long sys_timerfd_gettime(int fd, struct itimerspec *out);

#endif
