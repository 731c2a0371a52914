/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What configure would find out about musl on this machine, as far as libext2fs asks. */

#ifndef CONFIG_H
#define CONFIG_H

#define HAVE_ERRNO_H	     1
#define HAVE_FCNTL	     1
#define HAVE_FSYNC	     1
#define HAVE_PREAD	     1
#define HAVE_PWRITE	     1
#define HAVE_STDLIB_H	     1
#define HAVE_STRDUP	     1
#define HAVE_STRNLEN	     1
#define HAVE_SYS_STAT_H	     1
#define HAVE_SYS_SYSMACROS_H 1
#define HAVE_SYS_TIME_H	     1
#define HAVE_SYS_TYPES_H     1
#define HAVE_TYPE_SSIZE_T    1
#define HAVE_UNISTD_H	     1
#define HAVE_VPRINTF	     1

#define SIZEOF_INT	 __SIZEOF_INT__
#define SIZEOF_LONG	 __SIZEOF_LONG__
#define SIZEOF_LONG_LONG __SIZEOF_LONG_LONG__
#define SIZEOF_OFF_T	 8
#define SIZEOF_TIME_T	 8

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define WORDS_BIGENDIAN 1
#endif

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#endif
