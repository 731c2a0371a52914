/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: kernel/symbols.c */

#include <unit.h>
#include <arch/mmu.h>
#include <kernel/symbols.h>

/* As tools/symbols.py writes it: "main" of 16 bytes, "memory_main" of 300, and one byte with
 * a name that is too long. */
__asm__(".pushsection .rodata\n"
	".globl symbols_base, symbols_start, symbols_end, symbol_pairs\n"
	".balign 4\n"
	"symbols_base: .long 0x100040\n"
	"symbols_start:\n"
	".byte 16, 3, 0\n"
	".byte 172, 2, 'm', 'e', 'm', 'o', 'r', 'y', '_', 3, 0\n"
	".byte 1, 8, 8, 8, 8, 0\n"
	"symbols_end:\n"
	"symbol_pairs: .byte 'm', 'a', 1, 'i', 2, 'n', 'x', 'x'\n"
	".byte 4, 4, 5, 5, 6, 6, 7, 7\n"
	".popsection\n");

#define TEXT (KERNEL_BASE + 0x100040)

static void expect(uintptr_t address, const char *name, uintptr_t into)
{
	char found[SYMBOL_NAME_MAX];
	uintptr_t offset;

	assert_true(symbol_lookup(address, found, &offset));
	assert_string_equal(found, name);
	assert_int_equal(offset, into);
}

static void functions_by_address(void **state)
{
	(void)state;
	expect(TEXT, "main", 0);
	expect(TEXT + 15, "main", 15);
	expect(TEXT + 16, "memory_main", 0);
	expect(TEXT + 315, "memory_main", 299);
}

static void long_names_are_cut(void **state)
{
	char name[SYMBOL_NAME_MAX];
	uintptr_t into;

	(void)state;
	assert_true(symbol_lookup(TEXT + 316, name, &into));
	assert_int_equal(strlen(name), SYMBOL_NAME_MAX - 1);
	assert_int_equal(strspn(name, "x"), SYMBOL_NAME_MAX - 1);
}

static void nothing_outside(void **state)
{
	char name[SYMBOL_NAME_MAX];
	uintptr_t into;

	(void)state;
	assert_false(symbol_lookup(0, name, &into));
	assert_false(symbol_lookup(TEXT - 1, name, &into));
	assert_false(symbol_lookup(TEXT + 317, name, &into));
	assert_false(symbol_lookup(UINTPTR_MAX, name, &into));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_by_address),
		cmocka_unit_test(long_names_are_cut),
		cmocka_unit_test(nothing_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
