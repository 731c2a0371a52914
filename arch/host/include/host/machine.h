/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Between the files of this folder. */

#ifndef HOST_MACHINE_H
#define HOST_MACHINE_H

#include <stdint.h>

/* event.c: when the next timer is due, in clock_ns() time. */
extern uint64_t host_timer_deadline_ns;

/* options.c: what a person typed before "--", as the kernel's command line; *rest is what
 * comes after it. NULL, with a line on standard error, if it makes no sense. To be freed. */
char *host_options(int argc, char **argv, char ***rest);
/* The value of `key` in such a line that stands last; NULL: it is not there. The end of
 * the value is the next space. */
const char *host_option(const char *line, const char *key);
void host_usage(const char *program);

/* console.c */
void host_console_init(void);

#endif
