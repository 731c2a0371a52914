/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The fixed-width types that libext2fs writes its structures with. */

#ifndef _EXT2_TYPES_H
#define _EXT2_TYPES_H

#include <stdint.h>
#include <sys/types.h> /* ext2fs.h uses dev_t, mode_t */

typedef uint8_t __u8;
typedef int8_t __s8;
typedef uint16_t __u16;
typedef int16_t __s16;
typedef uint32_t __u32;
typedef int32_t __s32;
typedef unsigned long long __u64; /* its messages print it with %llu */
typedef long long __s64;

/* Marks of a source checker; plain types for the compiler. */
#define __bitwise
#define __force
typedef __u16 __le16;
typedef __u16 __be16;
typedef __u32 __le32;
typedef __u32 __be32;
typedef __u64 __le64;
typedef __u64 __be64;

#endif
