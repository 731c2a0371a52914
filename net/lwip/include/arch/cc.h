/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The compiler and the kernel as lwIP sees them. lwIP's own files include this, so it
 * declares the few functions it needs and includes no kernel header. */

#ifndef NET_LWIP_ARCH_CC_H
#define NET_LWIP_ARCH_CC_H

#include <endian.h> /* BYTE_ORDER */
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h> /* ssize_t */

#define LWIP_NO_UNISTD_H   1
#define LWIP_NO_INTTYPES_H 1
#define X8_F		   "02x"
#define U16_F		   "u"
#define S16_F		   "d"
#define X16_F		   "x"
#define U32_F		   "u"
#define S32_F		   "d"
#define X32_F		   "x"
#define SZT_F		   "zu"

#define PACK_STRUCT_STRUCT __attribute__((packed))

/* Gathers without lwIP's byte loops; the compiler knows these. */
#define lwip_htons(x) __builtin_bswap16(x)
#define lwip_htonl(x) __builtin_bswap32(x)

void net_lwip_diagnostic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void net_lwip_assert(const char *what, const char *file, int line);
uint32_t net_lwip_random(void);

#define LWIP_PLATFORM_DIAG(x)          \
	do {                           \
		net_lwip_diagnostic x; \
	} while (0)
#define LWIP_PLATFORM_ASSERT(x) net_lwip_assert(x, __FILE__, __LINE__)
#define LWIP_RAND()		net_lwip_random()

/* Copies of a known size become a few moves, although the code is freestanding. */
#define MEMCPY(to, from, bytes)	 __builtin_memcpy(to, from, bytes)
#define SMEMCPY(to, from, bytes) __builtin_memcpy(to, from, bytes)

/* Internet checksum of a piece of memory, not inverted, as if it began on an even byte. */
uint16_t net_lwip_checksum(const void *data, int bytes);
#define LWIP_CHKSUM net_lwip_checksum

#endif
