/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Frame pointers chain the frames: at each lies the caller's, above it the return
 * address (System V ABI, AMD64 supplement, §3.2.2). In a panic the chain may be broken,
 * so nothing is read before it is known to be mapped. */

#include <arch/mmu.h>
#include <kernel/panic.h>
#include <kernel/symbols.h>
#include <stddef.h>

#define FRAMES_MAX	32
#define FRAME_MAX_BYTES (1024 * 1024) /* a caller's frame is not further away */

static void print_frame(unsigned number, uintptr_t pc, bool is_return)
{
	char name[SYMBOL_NAME_MAX];
	uintptr_t into;

	/* A call that never returns may be the last instruction of its function. */
	if (symbol_lookup(pc - is_return, name, &into))
		panic_print("  #%-2u %#018lx %s+%#lx\n", number, (unsigned long)pc, name,
			    (unsigned long)(into + is_return));
	else
		panic_print("  #%-2u %#018lx\n", number, (unsigned long)pc);
}

static bool readable(uintptr_t address)
{
	bool canonical = address < USER_END || address >= DIRECT_MAP_BASE;

	return canonical && address % sizeof(uintptr_t) == 0 &&
	       arch_translate(address, NULL) != 0;
}

void backtrace_print(uintptr_t pc, uintptr_t fp)
{
	panic_print("backtrace:\n");
	print_frame(0, pc, false);
	for (unsigned number = 1; number < FRAMES_MAX; number++) {
		const uintptr_t *frame = (const uintptr_t *)fp;
		uintptr_t caller;

		if (!readable(fp) || !readable(fp + sizeof(uintptr_t)) || !frame[1])
			return;
		print_frame(number, frame[1], true);
		caller = frame[0];
		if (caller <= fp || caller - fp > FRAME_MAX_BYTES)
			return;
		fp = caller;
	}
	panic_print("  ...\n");
}
