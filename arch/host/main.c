/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A machine that is a Linux process, in order: a table of contents. The program's main()
 * is the application's own, in a thread of the kernel. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arch/cpu.h>
#include <host/machine.h>
#include <host/ram.h>
#include <kernel/boot_info.h>
#include <kernel/cmdline.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/sched.h>

#define RAM_BYTES_DEFAULT (64ull << 20)
#define RAM_BYTES_LEAST	  (8ull << 20)
#define RAM_BYTES_MOST	  (1ull << 40)
#define MAIN_STACK_BYTES  (1ul << 20)

LINKSET_DECLARE(init_calls, const struct init_call);
LINKSET_DECLARE(exit_calls, const struct init_call);
CMDLINE_KEY(memory, "SIZE[K|M|G]: the machine's RAM; 64M is the default");

struct boot_info boot_info = { .door = "Linux", .loader = "", .command_line = "" };

/* The linker's names for the two sides of main() (--wrap=main). */
int __wrap_main(int argc, char **argv);
int __real_main(int argc, char **argv, char **environment);

static int application_argc;
static char **application_argv;
extern char **environ;

static void run_init_calls(void)
{
	for (enum init_stage stage = INIT_BUS; stage <= INIT_LATE; stage++)
		LINKSET_EACH(init_calls, call)
	if ((*call)->stage == stage)
		(*call)->run();
}

/* However the process ends in order: devices are reset, so that a back end that outlives
 * us is left as we found it (VIRTIO 1.3 §3.3). */
static void run_exit_calls(void)
{
	for (int stage = INIT_LATE; stage >= INIT_BUS; stage--)
		LINKSET_EACH(exit_calls, call)
	if ((int)(*call)->stage == stage)
		(*call)->run();
}

void application_start(void)
{
	exit(__real_main(application_argc, application_argv, environ));
}

static void main_thread(void *unused)
{
	(void)unused;
	run_init_calls();
	cmdline_report_unknown();
	application_start();
}

/* The option ends at a space; 0: it is no size. */
static uint64_t size_of(const char *text)
{
	char word[32] = "";
	size_t length = strcspn(text, " ");
	uint64_t bytes;

	if (length < sizeof(word))
		memcpy(word, text, length);
	return cmdline_bytes(word, 1, RAM_BYTES_MOST, &bytes) ? bytes : 0;
}

static bool make_ram(const char *options)
{
	const char *text = host_option(options, "memory");
	uint64_t bytes = text ? size_of(text) : RAM_BYTES_DEFAULT;

	if (bytes < RAM_BYTES_LEAST) {
		fprintf(stderr,
			"memory=%.*s: that is no size, or less than 8M or more "
			"than 1024G\n",
			(int)strcspn(text, " "), text);
		return false;
	}
	if (host_ram_init(bytes)) {
		boot_info.ranges[boot_info.range_count++] = (struct boot_range){ 0,
										 bytes };
		return true;
	}
	fprintf(stderr, "memory: Linux gives none: %s\n", strerror(errno));
	return false;
}

int __wrap_main(int argc, char **argv)
{
	struct thread *application;
	char *options;

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			host_usage(argv[0]);
			return 0;
		}
	}
	options = host_options(argc, argv, &application_argv);
	if (!options || !make_ram(options)) {
		free(options);
		return EXIT_CODE_BOOT;
	}
	application_argc = (int)(argv + argc - application_argv) + 1;
	*--application_argv = argv[0]; /* in the place of "--", or of what came last */
	sched_init();
	host_console_init();
	cmdline_parse(options);
	free(options);
	log_info("ferrule: booted as a process");
	atexit(run_exit_calls);
	application = thread_prepare("main", main_thread, NULL, NULL, MAIN_STACK_BYTES,
				     NULL);
	if (!application)
		panic_with(EXIT_CODE_BOOT, "no memory for the main thread");
	thread_start(application);
	thread_exit(); /* the boot thread has done its work */
}
