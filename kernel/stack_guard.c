/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The stack protector. The compiler puts __stack_chk_guard between a function's buffers
 * and its return address, and calls __stack_chk_fail() if it finds another value there. */

#include <arch/cpu.h>
#include <kernel/panic.h>
#include <stdint.h>

extern uintptr_t __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);
void __init_ssp(void *entropy);

/* Written once, by stack_guard_init(). */
uintptr_t __stack_chk_guard = 0x5bd1e995c3a1f700;

__attribute__((no_stack_protector)) void stack_guard_init(void)
{
	uint64_t guard;

	if (!arch_random(&guard))
		guard = __stack_chk_guard ^ arch_cycles() * UINT64_C(0x9e3779b97f4a7c15);
	/* The lowest byte is 0: a string that runs over cannot write it and go on. */
	__stack_chk_guard = guard & ~(uintptr_t)0xff;
}

void __stack_chk_fail(void)
{
	panic_with(EXIT_CODE_SMASH, "stack smashed: the stack protector's guard of a "
				    "function was overwritten");
}

/* The C library's hook for choosing a guard: it was chosen at boot, and functions that
 * stored the old one are still running. */
void __init_ssp(void *entropy)
{
	(void)entropy;
}
