/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

static volatile int caught, caught_number;
static sigjmp_buf back;

static void handler(int number)
{
	caught++;
	caught_number = number;
}

static void handler_with_information(int number, siginfo_t *information, void *context)
{
	caught += information->si_signo == number && context;
}

static void jump(int number)
{
	siglongjmp(back, number);
}

static void *interrupt(void *thread)
{
	usleep(5000);
	pthread_kill(*(pthread_t *)thread, SIGUSR1);
	return NULL;
}

static void test_interruption(void)
{
	struct timespec long_time = { 5, 0 }, rest = { 0 };
	pthread_t self = pthread_self(), thread;
	int before = caught;

	pthread_create(&thread, NULL, interrupt, &self);
	check(nanosleep(&long_time, &rest) == -1 && errno == EINTR && rest.tv_sec >= 3,
	      "a signal ends a sleep");
	pthread_join(thread, NULL);
	check(caught == before + 1, "and its handler ran");
}

static void test_wait(void)
{
	struct timespec no_time = { 0, 1000000 };
	sigset_t set;
	int number = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	check(sigtimedwait(&set, NULL, &no_time) == -1 && errno == EAGAIN,
	      "sigtimedwait times out");
	kill(getpid(), SIGUSR2);
	check(sigwait(&set, &number) == 0 && number == SIGUSR2, "sigwait");
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void test_signals(void)
{
	struct sigaction action = { .sa_handler = handler }, old;
	sigset_t set, pending;

	check(sigaction(SIGUSR1, &action, &old) == 0 && old.sa_handler == SIG_DFL,
	      "sigaction");
	check(raise(SIGUSR1) == 0 && caught == 1 && caught_number == SIGUSR1, "raise");
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	sigpending(&pending);
	check(caught == 1 && sigismember(&pending, SIGUSR1), "a blocked signal waits");
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	check(caught == 2, "and comes when it is unblocked");
	signal(SIGPIPE, SIG_IGN);
	check(raise(SIGPIPE) == 0, "an ignored signal does nothing");
	check(raise(SIGCHLD) == 0, "nor one that is ignored by default");
	action.sa_sigaction = handler_with_information;
	action.sa_flags = SA_SIGINFO;
	sigaction(SIGUSR2, &action, NULL);
	kill(getpid(), SIGUSR2);
	check(caught == 3, "kill, with SA_SIGINFO");
	signal(SIGUSR2, jump);
	if (sigsetjmp(back, 1) == 0)
		raise(SIGUSR2);
	check(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && !sigismember(&set, SIGUSR2),
	      "siglongjmp out of a handler restores the mask");
	check(sigaction(SIGKILL, &action, NULL) == -1 && errno == EINVAL,
	      "SIGKILL cannot be caught");
	check(kill(4711, SIGUSR1) == -1 && errno == ESRCH, "kill of nobody is ESRCH");
	test_interruption();
	test_wait();
}
