/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What gcc calls at volatile accesses with tsan-distinguish-volatile: they are meant to
 * race, and order nothing. All others must be ordered by barriers. */

#ifdef __SANITIZE_THREAD__

#define VOLATILE_ACCESS(name)             \
	void __tsan_##name(void *);       \
	void __tsan_##name(void *address) \
	{                                 \
		(void)address;            \
	}
#define VOLATILE_ACCESSES(bytes)                        \
	VOLATILE_ACCESS(volatile_read##bytes)           \
	VOLATILE_ACCESS(volatile_write##bytes)          \
	VOLATILE_ACCESS(unaligned_volatile_read##bytes) \
	VOLATILE_ACCESS(unaligned_volatile_write##bytes)

VOLATILE_ACCESSES(1)
VOLATILE_ACCESSES(2)
VOLATILE_ACCESSES(4)
VOLATILE_ACCESSES(8)
VOLATILE_ACCESSES(16)

#else

typedef int mock_no_thread_sanitizer; /* a file must not be empty */

#endif
