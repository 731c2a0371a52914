/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The orderly ends of the machine. */

#include <arch/cpu.h>
#include <kernel/init.h>
#include <kernel/panic.h>
#include <kernel/thread.h>

LINKSET_DECLARE(exit_calls, const struct init_call);

/* The thread that ends the machine. Atomic: the first one is it. */
static struct thread *ending;

/* Returns in one thread only, and there also if an exit call ends the machine again. */
static void run_exit_calls(void)
{
	struct thread *self = thread_current(), *nobody = NULL;

	if (!__atomic_compare_exchange_n(&ending, &nobody, self, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE)) {
		while (nobody != self)
			thread_sleep_until(NO_DEADLINE);
		return;
	}
	for (int stage = INIT_LATE; stage >= INIT_BUS; stage--) {
		LINKSET_EACH(exit_calls, call)
		{
			if ((int)(*call)->stage == stage)
				(*call)->run();
		}
	}
}

void machine_exit(int status)
{
	run_exit_calls();
	if (status < 0 || status > EXIT_CODE_APP_MAX)
		status = EXIT_CODE_APP_MAX;
	arch_exit(status);
}

void machine_reboot(void)
{
	run_exit_calls();
	arch_reboot();
}
