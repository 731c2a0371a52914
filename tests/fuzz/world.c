/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The entry of a fuzz target, and the world it finds: the variables of all sources lie in
 * sections of their own (mk/fuzz.mk), which are put back after each input. */

#include "fuzz.h"

/* Some inputs are told apart in time for the leak check, which is slow. */
#define LEAKS_EVERY 256

extern char __start_fuzz_data[] __attribute__((weak));
extern char __stop_fuzz_data[] __attribute__((weak));
extern char __start_fuzz_bss[] __attribute__((weak));
extern char __stop_fuzz_bss[] __attribute__((weak));

int __lsan_do_recoverable_leak_check(void) __attribute__((weak));
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
extern unsigned fuzz_leaks_every;
unsigned fuzz_leaks_every = LEAKS_EVERY;

static char *saved_data, *saved_bss;

/* The red zones between variables are moved as well, which the sanitizer must not see. */
static void copy(char *to, const char *from, size_t bytes)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

static char *save(const char *from, const char *to)
{
	char *memory = malloc((size_t)(to - from) + 1);

	if (!memory)
		abort();
	copy(memory, from, (size_t)(to - from));
	return memory;
}

void fuzz_check_leaks(void)
{
	static unsigned count;

	if (!__lsan_do_recoverable_leak_check || ++count % fuzz_leaks_every)
		return;
	if (__lsan_do_recoverable_leak_check())
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (!saved_data) {
		saved_data = save(__start_fuzz_data, __stop_fuzz_data);
		saved_bss = save(__start_fuzz_bss, __stop_fuzz_bss);
	}
	fuzz_one(data, bytes);
	fuzz_memory_forget();
	copy(__start_fuzz_data, saved_data,
	     (size_t)(__stop_fuzz_data - __start_fuzz_data));
	copy(__start_fuzz_bss, saved_bss, (size_t)(__stop_fuzz_bss - __start_fuzz_bss));
	return 0;
}
