/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Device access as the unit tests have it; behind its functions is QEMU's qtest socket
 * (tests/qtest/qtest.c). */

#include <tests/unit/host/include/arch/io.h>
