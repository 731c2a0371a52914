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

const char *symbol_lookup(uintptr_t address, uintptr_t *into)
{
	const struct symbol *low = symbols_start, *high = symbols_end;
	uintptr_t offset = address - KERNEL_BASE;

	if (address < KERNEL_BASE || low == high || offset < low->offset)
		return NULL;
	while (high - low > 1) { /* low->offset <= offset < high->offset */
		const struct symbol *middle = low + (high - low) / 2;

		if (middle->offset <= offset)
			low = middle;
		else
			high = middle;
	}
	if (!symbol_names[low->name_offset])
		return NULL;
	*into = offset - low->offset;
	return &symbol_names[low->name_offset];
}

static void print_frame(unsigned number, uintptr_t pc, bool is_return)
{
	uintptr_t into;
	/* A call that never returns may be the last instruction of its function. */
	const char *name = symbol_lookup(pc - is_return, &into);

	if (name)
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
