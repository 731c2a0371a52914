/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The commands that are files of their own. */

#ifndef SHELL_COMMANDS_H
#define SHELL_COMMANDS_H

#include "shell.h"

extern const struct shell_command shell_devices, shell_queues; /* devices.c */
extern const struct shell_command shell_net;		       /* net.c */
extern const struct shell_command shell_mem, shell_threads, shell_log,
	shell_uptime; /* kernel.c */

void ferrule_shell(void); /* shell.c */

#endif
