/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Signals that come from within: what each does when nobody asked for anything else, and
 * those that wait for a thread. Nothing interrupts a program in mid-flight: a handler runs
 * when its thread next comes out of a system call that may sleep, or changes its mask. */

#include <arch/irqflags.h>
#include <kernel/panic.h>
#include <posix/signal.h>
#include <posix/signal_state.h>

#define CANCEL 33 /* of pthread_cancel(), in musl */

struct spinlock signal_lock;
struct signal_action signal_actions[SIGNALS];
uint64_t signal_process_pending;

static const char *const names[] = {
	[SIGHUP] = "SIGHUP",	   [SIGINT] = "SIGINT",	  [SIGQUIT] = "SIGQUIT",
	[SIGILL] = "SIGILL",	   [SIGTRAP] = "SIGTRAP", [SIGABRT] = "SIGABRT",
	[SIGBUS] = "SIGBUS",	   [SIGFPE] = "SIGFPE",	  [SIGKILL] = "SIGKILL",
	[SIGUSR1] = "SIGUSR1",	   [SIGSEGV] = "SIGSEGV", [SIGUSR2] = "SIGUSR2",
	[SIGPIPE] = "SIGPIPE",	   [SIGALRM] = "SIGALRM", [SIGTERM] = "SIGTERM",
	[SIGVTALRM] = "SIGVTALRM", [SIGPROF] = "SIGPROF", [SIGXCPU] = "SIGXCPU",
	[SIGXFSZ] = "SIGXFSZ",	   [SIGSYS] = "SIGSYS",
};

struct signal_action signal_action_of(int number)
{
	unsigned long irq = spin_lock(&signal_lock);
	struct signal_action action = signal_actions[number - 1];

	spin_unlock(&signal_lock, irq);
	return action;
}

static bool ignored_by_default(int number)
{
	/* Stopping has no meaning here: there is no shell to continue the job. */
	return number == SIGCHLD || number == SIGURG || number == SIGWINCH ||
	       number == SIGCONT || number == SIGSTOP || number == SIGTSTP ||
	       number == SIGTTIN || number == SIGTTOU;
}

bool signal_ignored(int number)
{
	struct signal_action action = signal_action_of(number);

	return action.handler == SIG_IGN ||
	       (action.handler == SIG_DFL && ignored_by_default(number));
}

void signal_default(int number)
{
	const char *name = NULL;

	if (ignored_by_default(number))
		return;
	if ((size_t)number < sizeof(names) / sizeof(names[0]))
		name = names[number];
	if (name)
		panic_with(EXIT_CODE_SIGNAL, "application: ended by %s", name);
	panic_with(EXIT_CODE_SIGNAL, "application: ended by signal %d", number);
}

void signal_send(struct posix_thread *thread, int number)
{
	bool blocked = thread->masked & signal_bit(number);

	if (!blocked) {
		if (signal_ignored(number))
			return;
		if (signal_action_of(number).handler == SIG_DFL)
			signal_default(number);
	}
	__atomic_fetch_or(&thread->pending, signal_bit(number), __ATOMIC_RELEASE);
	if (thread != posix_self()) /* whatever call it sleeps in */
		thread_wake(thread->thread);
}

bool signal_pending(void)
{
	const struct posix_thread *self = posix_self();

	return self && (__atomic_load_n(&self->pending, __ATOMIC_ACQUIRE) |
			__atomic_load_n(&signal_process_pending, __ATOMIC_ACQUIRE)) &
			       ~self->masked;
}

void signal_raise(int number)
{
	struct posix_thread *self = posix_self();

	if (self)
		signal_send(self, number);
}

/* Only a program that installs handlers has this. */
void signal_run_handlers(void) __attribute__((weak));

bool signal_restart(void)
{
	const struct posix_thread *self = posix_self();
	uint64_t pending = 0;
	bool restart = true;

	if (self)
		pending = (__atomic_load_n(&self->pending, __ATOMIC_ACQUIRE) |
			   __atomic_load_n(&signal_process_pending, __ATOMIC_ACQUIRE)) &
			  ~self->masked;
	for (; pending; pending &= pending - 1) {
		int number = __builtin_ctzll(pending) + 1;

		/* Where Linux lets the C library move a cancelled thread out of the
		 * call, here the call returns. */
		if (number == CANCEL || !(signal_action_of(number).flags & SA_RESTART))
			restart = false;
	}
	if (signal_run_handlers)
		signal_run_handlers();
	return restart;
}

void signal_mask_swap(const sigset_t *set, sigset_t *old)
{
	struct posix_thread *self = posix_self();

	if (!set || !self)
		return;
	/* Putting the mask back: first what it let through. */
	if (!old && signal_run_handlers)
		signal_run_handlers();
	if (old)
		*old = (sigset_t){ .__bits = { self->masked } };
	self->masked = set->__bits[0] & ~(signal_bit(SIGKILL) | signal_bit(SIGSTOP));
}
