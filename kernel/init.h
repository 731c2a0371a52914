/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What must run at boot before the application's main(), of the parts that are linked in.
 * Each runs in the main thread with interrupts on, in order of stage, may sleep, and
 * reports its own failures: boot goes on. */

#ifndef KERNEL_INIT_H
#define KERNEL_INIT_H

#include <kernel/linkset.h>

enum init_stage {
	INIT_BUS,     /* enumerate buses, probe drivers */
	INIT_SERVICE, /* what stands on devices: random pool, network stack */
	INIT_MOUNT,   /* the file tree */
	INIT_LATE,    /* shells, monitors */
};

struct init_call {
	enum init_stage stage;
	void (*run)(void);
};
#define INIT_CALL(when, function)                                                \
	static const struct init_call init_call_##function = { when, function }; \
	LINKSET_ENTRY(init_calls, init_call_##function)

/* What must run at an orderly end (exit, power-off), in reverse order of stage: file
 * systems are synced, devices reset (VIRTIO 1.3 §3.3). */
#define EXIT_CALL(when, function)                                                \
	static const struct init_call exit_call_##function = { when, function }; \
	LINKSET_ENTRY(exit_calls, exit_call_##function)

/* Starts the application: the C library's start code and main(). Given by the layer above
 * the kernel; runs in the main thread after all init calls. */
_Noreturn void application_start(void);

#endif
