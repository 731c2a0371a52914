/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* From the kernel to main(): arguments, environment and the auxiliary vector, laid out as
 * a loader would, and the C library's start. */

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <kernel/cmdline.h>
#include <kernel/heap.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <posix/posix_thread.h>

CMDLINE_KEY(env, "NAME=VALUE, an environment variable; may be repeated");

/* The application, and what the C library gives. */
int main(int argc, char **argv, char **envp);
int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv);

/* The build may say what the image is called. */
extern const char application_name[] __attribute__((weak));

static uint64_t random_seed[2]; /* AT_RANDOM */

struct auxiliary {
	unsigned long type, value;
};

/* 16 bytes for the C library. Programs that want good random numbers ask getrandom(). */
static void seed(void)
{
	for (unsigned i = 0; i < 2; i++)
		if (!arch_random(&random_seed[i]))
			random_seed[i] = (random_seed[0] ^ arch_cycles()) *
					 UINT64_C(0x9e3779b97f4a7c15);
}

static int environment_count(void)
{
	int count = 0;

	while (cmdline_value("env", (unsigned)count))
		count++;
	return count;
}

/* Only what looks like NAME=VALUE is taken. */
static char **fill_environment(char **out, int count)
{
	for (int i = 0; i < count; i++) {
		const char *value = cmdline_value("env", (unsigned)i);
		const char *equals = strchr(value, '=');

		if (equals && equals != value)
			*out++ = (char *)value;
		else
			log_warn("posix: env=%s is not NAME=VALUE", value);
	}
	*out++ = NULL;
	return out;
}

void application_start(void)
{
	const char *name = application_name ? application_name : "application";
	const struct auxiliary vector[] = {
		{ AT_PAGESZ, PAGE_BYTES },
		{ AT_CLKTCK, 100 },
		{ AT_SECURE, 0 },
		{ AT_RANDOM, (unsigned long)random_seed },
		{ AT_EXECFN, (unsigned long)name },
		{ AT_NULL, 0 },
	};
	char **arguments, **block, **next;
	int count = cmdline_arguments(&arguments), variables = environment_count();

	posix_main_thread.thread = thread_current();
	thread_current()->posix = &posix_main_thread;
	seed();
	block = kmalloc((size_t)(1 + count + 1 + variables + 1) * sizeof(*block) +
			sizeof(vector));
	if (!block)
		panic_with(EXIT_CODE_BOOT, "no memory for the program's arguments");
	block[0] = (char *)name;
	next = block + 1;
	for (int i = 0; i < count; i++)
		*next++ = arguments[i];
	*next++ = NULL;
	memcpy(fill_environment(next, variables), vector, sizeof(vector));
	__libc_start_main(main, 1 + count, block);
	__builtin_unreachable();
}
