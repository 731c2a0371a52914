/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

static volatile int caught, caught_number;
static sem_t unlocked;
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

/* A call that waits for something else than time. */
static void test_blocked_calls(void)
{
	struct sigaction action = { .sa_handler = handler };
	struct pollfd poll_one = { .events = POLLIN };
	pthread_t self = pthread_self(), thread;
	int before = caught, ends[2];
	char c;

	pipe(ends);
	poll_one.fd = ends[0];
	sigaction(SIGUSR1, &action, NULL);
	pthread_create(&thread, NULL, interrupt, &self);
	check(read(ends[0], &c, 1) == -1 && errno == EINTR && caught == before + 1,
	      "a signal of another thread ends a read");
	pthread_join(thread, NULL);
	pthread_create(&thread, NULL, interrupt, &self);
	check(poll(&poll_one, 1, 5000) == -1 && errno == EINTR && caught == before + 2,
	      "and a poll");
	pthread_join(thread, NULL);
	close(ends[0]);
	close(ends[1]);
}

static int restart_ends[2];

static void write_byte(int number)
{
	caught_number = number;
	write(restart_ends[1], "!", 1);
}

static void unlock(int number)
{
	(void)number;
	sem_post(&unlocked);
}

/* SA_RESTART: the call goes on after the handler, which gives it what it waits for. */
static void test_restart(void)
{
	struct sigaction action = { .sa_handler = write_byte, .sa_flags = SA_RESTART };
	pthread_t self = pthread_self(), thread;
	char c = 0;

	pipe(restart_ends);
	sigaction(SIGUSR1, &action, NULL);
	pthread_create(&thread, NULL, interrupt, &self);
	check(read(restart_ends[0], &c, 1) == 1 && c == '!', "SA_RESTART of a read");
	pthread_join(thread, NULL);
	action.sa_handler = unlock;
	sigaction(SIGUSR1, &action, NULL);
	sem_init(&unlocked, 0, 0);
	pthread_create(&thread, NULL, interrupt, &self);
	check(sem_wait(&unlocked) == 0, "SA_RESTART of a sem_wait");
	pthread_join(thread, NULL);
	close(restart_ends[0]);
	close(restart_ends[1]);
}

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static void *take_held(void *argument)
{
	pthread_mutex_lock(&held);
	pthread_mutex_unlock(&held);
	return argument;
}

/* A thread that waits for a mutex runs the handler meanwhile, and then waits on. */
static void test_handler_in_lock(void)
{
	struct sigaction action = { .sa_handler = handler };
	int before = caught;
	pthread_t thread;

	sigaction(SIGUSR1, &action, NULL);
	pthread_mutex_lock(&held);
	pthread_create(&thread, NULL, take_held, NULL);
	usleep(5000);
	pthread_kill(thread, SIGUSR1);
	for (int i = 0; i < 1000 && caught == before; i++)
		usleep(1000);
	check(caught == before + 1, "a handler runs while its thread waits for a mutex");
	pthread_mutex_unlock(&held);
	pthread_join(thread, NULL);
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
	test_blocked_calls();
	test_restart();
	test_handler_in_lock();
	test_wait();
}
