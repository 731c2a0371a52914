/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Between the files of this folder: a machine whose devices are QEMU's, reached over its
 * qtest socket (QEMU's docs/devel/qtest), and whose CPU is this process. */

#ifndef QTEST_H
#define QTEST_H

#include <stdbool.h>
#include <stdint.h>

/* Connects to the socket that FERRULE_QTEST names; dies if it cannot. */
void qtest_open(void);
/* One command, and the number that its answer holds (0 if none). */
uint64_t qtest_command(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* interrupts.c: from the socket, the level of a line. */
void qtest_line(unsigned gsi, bool raised);
void qtest_interrupts_begin(void);

/* firmware.c: what a firmware does before a kernel: addresses for all BARs, lines. */
void qtest_firmware(void);

#endif
