/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The machine's name, as uname(2) gives it. */

#ifndef ARCH_NAME_H
#define ARCH_NAME_H

#define ARCH_NAME "x86_64"

#endif
