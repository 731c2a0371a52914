/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the files of reading and writing calls share (io.c, read.c, positioned.c). */

#ifndef POSIX_IO_H
#define POSIX_IO_H

#include <posix/file.h>

#define TRANSFER_MAX ((size_t)INT64_MAX) /* SSIZE_MAX */

/* 0, or why the vector cannot be used. */
int io_check_vector(const struct iovec *vector, int count);

/* file_readv or file_writev. */
typedef ssize_t io_operation(struct file *file, const struct iovec *vector, int count);
/* A transfer at the file's own position; made again when a signal's handler asked for
 * that. */
long io_transfer(int fd, const struct iovec *vector, int count, io_operation *operation);

#endif
