/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: kernel/pci_maps.c tests/unit/host/mmu.c tests/unit/host/heap.c
 *	tests/unit/host/page.c tests/unit/host/panic.c tests/unit/host/log.c
 *	tests/unit/host/cpu.c tests/unit/host/irq.c tests/unit/host/time.c
 *	tests/unit/host/io.c tests/unit/host/thread.c kernel/format.c */

/* What is mapped again costs nothing more. */

#include <arch/mmu.h>
#include <kernel/pci.h>
#include <unit.h>
#include "host/host.h"

static void again(void **state)
{
	volatile void *first = pci_map_once(0xe0000000, 16384);
	uint64_t mapped = host_mapped_bytes;
	long heap = host_heap_live;

	(void)state;
	assert_non_null(first);
	for (unsigned i = 0; i < 100; i++)
		assert_ptr_equal(pci_map_once(0xe0000000, 16384), first);
	assert_true(host_mapped_bytes == mapped && host_heap_live == heap);
	assert_non_null(pci_map_once(0xe0000000, 8192)); /* another device's */
	assert_non_null(pci_map_once(0xe0004000, 16384));
	assert_int_equal(host_mapped_bytes - mapped, 8192 + 16384);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(again) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
