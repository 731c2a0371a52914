/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Tests that need a fresh process: for state that is set up once, and for panics. */

#ifndef DEATH_H
#define DEATH_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unit.h>

/* The child's exit status, or -1 if it died of a signal (as by the host's panic()). */
static inline int in_child(void (*run)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		run();
		fflush(NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define assert_dies(run)  assert_int_equal(in_child(run), -1)
#define assert_lives(run) assert_int_equal(in_child(run), 0)

#endif
