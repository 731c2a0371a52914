/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Start of the C library. One program owns the machine: there is no set-user-id program
 * to distrust and descriptors 0..2 are there, so nothing needs poll() or open(). The stack
 * protector's guard is the kernel's and was set at boot. */

#include <elf.h>
#include <stdint.h>
#include "libc.h"

extern weak hidden void (*const __init_array_start)(void),
	(*const __init_array_end)(void);
extern char **__environ;

static const char *base_name(const char *path)
{
	const char *name = path;

	for (; *path; path++)
		if (*path == '/')
			name = path + 1;
	return name;
}

void __init_libc(char **envp, char *program)
{
	size_t vector[AT_EXECFN + 1] = { 0 };
	char **end = envp;

	__environ = envp;
	while (*end)
		end++;
	libc.auxv = (size_t *)(end + 1);
	for (size_t *entry = libc.auxv; entry[0] != AT_NULL; entry += 2)
		if (entry[0] <= AT_EXECFN)
			vector[entry[0]] = entry[1];
	__hwcap = vector[AT_HWCAP];
	libc.page_size = vector[AT_PAGESZ];
	__progname_full = program ? program : "";
	__progname = (char *)base_name(__progname_full);
	__init_tls(vector);
}

void __libc_start_init(void)
{
	for (void (*const *call)(void) = &__init_array_start; call < &__init_array_end;
	     call++)
		(*call)();
}

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv)
{
	char **envp = argv + argc + 1;

	__init_libc(envp, argv[0]);
	__libc_start_init();
	exit(main(argc, argv, envp));
}
