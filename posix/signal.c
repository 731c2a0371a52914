/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The system calls on signals, and handlers. */

#include <errno.h>
#include <string.h>
#include <ucontext.h>
#include <kernel/console.h>
#include <kernel/time.h>
#include <posix/pointer.h>
#include <posix/signal.h>
#include <posix/signal_state.h>
#include <posix/timespec.h>

#define PROCESS_ID 1
#define MASK_BYTES sizeof(uint64_t)
#define UNMASKABLE (signal_bit(SIGKILL) | signal_bit(SIGSTOP))

long sys_rt_sigaction(int number, const struct signal_action *action,
		      struct signal_action *old, size_t mask_bytes)
{
	struct signal_action copy = { 0 };
	unsigned long irq;

	if (number < 1 || number > SIGNALS || mask_bytes != MASK_BYTES ||
	    (action && (number == SIGKILL || number == SIGSTOP)))
		return -EINVAL;
	if ((action && pointer_is_bad(action)) || (old && pointer_is_bad(old)))
		return -EFAULT;
	if (action)
		copy = *action;
	if (old)
		*old = signal_action_of(number);
	if (action) {
		irq = spin_lock(&signal_lock);
		signal_actions[number - 1] = copy;
		spin_unlock(&signal_lock, irq);
	}
	return 0;
}

/* The lowest pending signal of `set`, taken; 0 if there is none. */
static int take_pending(struct posix_thread *self, uint64_t set)
{
	uint64_t *const sources[] = { &self->pending, &signal_process_pending };

	for (unsigned i = 0; i < 2; i++) {
		uint64_t ready = __atomic_load_n(sources[i], __ATOMIC_ACQUIRE) & set;

		while (ready) {
			uint64_t bit = ready & -ready;

			/* Of several threads one gets what was sent to the process. */
			if (__atomic_fetch_and(sources[i], ~bit, __ATOMIC_ACQ_REL) & bit)
				return __builtin_ctzll(bit) + 1;
			ready &= ~bit;
		}
	}
	return 0;
}

static void call_with_information(const struct signal_action *action, int number,
				  struct posix_thread *self, uint64_t masked)
{
	void (*handler)(int, siginfo_t *, void *) = (void *)action->handler;
	siginfo_t info = { .si_signo = number, .si_code = SI_TKILL };
	ucontext_t context;

	/* There is no interrupted state to show; the mask is the handler's to change. */
	memset(&context, 0, sizeof(context));
	info.si_pid = PROCESS_ID;
	context.uc_sigmask.__bits[0] = masked;
	handler(number, &info, &context);
	self->masked = context.uc_sigmask.__bits[0] & ~UNMASKABLE;
}

static void run_handler(struct posix_thread *self, int number)
{
	struct signal_action action = signal_action_of(number);
	uint64_t masked = self->masked;

	if (action.handler == SIG_IGN)
		return;
	if (action.handler == SIG_DFL) {
		signal_default(number);
		return;
	}
	if (action.flags & SA_RESETHAND) {
		unsigned long irq = spin_lock(&signal_lock);

		signal_actions[number - 1].handler = SIG_DFL;
		spin_unlock(&signal_lock, irq);
	}
	self->masked |= action.mask & ~UNMASKABLE;
	if (!(action.flags & SA_NODEFER))
		self->masked |= signal_bit(number);
	if (action.flags & SA_SIGINFO) {
		call_with_information(&action, number, self, masked);
	} else {
		action.handler(number);
		self->masked = masked;
	}
}

void signal_run_handlers(void)
{
	struct posix_thread *self = posix_self();
	int number;

	while (self && (number = take_pending(self, ~self->masked)))
		run_handler(self, number);
}

long sys_rt_sigprocmask(int how, const uint64_t *set, uint64_t *old, size_t mask_bytes)
{
	struct posix_thread *self = posix_self();
	uint64_t change;

	if (mask_bytes != MASK_BYTES || !self)
		return -EINVAL;
	if ((set && pointer_is_bad(set)) || (old && pointer_is_bad(old)))
		return -EFAULT;
	change = set ? *set & ~UNMASKABLE : 0;
	if (old)
		*old = self->masked;
	if (!set)
		return 0;
	switch (how) {
	case SIG_BLOCK:
		self->masked |= change;
		return 0;
	case SIG_UNBLOCK:
		self->masked &= ~change;
		break;
	case SIG_SETMASK:
		self->masked = change;
		break;
	default:
		return -EINVAL;
	}
	signal_run_handlers();
	return 0;
}

long sys_rt_sigpending(uint64_t *out, size_t mask_bytes)
{
	struct posix_thread *self = posix_self();

	if (mask_bytes != MASK_BYTES || !self)
		return -EINVAL;
	if (pointer_is_bad(out))
		return -EFAULT;
	*out = (__atomic_load_n(&self->pending, __ATOMIC_ACQUIRE) |
		__atomic_load_n(&signal_process_pending, __ATOMIC_ACQUIRE)) &
	       self->masked;
	return 0;
}

static void sleep_until_pending(struct posix_thread *self, uint64_t set,
				uint64_t deadline_ns)
{
	struct wait entry;

	wait_begin(&self->wakeup, &entry);
	while (!((__atomic_load_n(&self->pending, __ATOMIC_ACQUIRE) |
		  __atomic_load_n(&signal_process_pending, __ATOMIC_ACQUIRE)) &
		 set) &&
	       clock_ns() < deadline_ns)
		wait_sleep(&entry, deadline_ns);
	wait_end(&entry);
}

static long suspend(uint64_t mask)
{
	struct posix_thread *self = posix_self();
	uint64_t masked;

	if (!self)
		return -EINVAL;
	masked = self->masked;
	self->masked = mask & ~UNMASKABLE;
	sleep_until_pending(self, ~self->masked, NO_DEADLINE);
	signal_run_handlers();
	self->masked = masked;
	return -EINTR;
}

long sys_rt_sigsuspend(const uint64_t *mask, size_t mask_bytes)
{
	if (mask_bytes != MASK_BYTES)
		return -EINVAL;
	return pointer_is_bad(mask) ? -EFAULT : suspend(*mask);
}

long sys_pause(void)
{
	struct posix_thread *self = posix_self();

	return self ? suspend(self->masked) : -EINVAL;
}

long sys_rt_sigtimedwait(const uint64_t *set, siginfo_t *info,
			 const struct timespec *timeout, size_t mask_bytes)
{
	struct posix_thread *self = posix_self();
	uint64_t deadline_ns = NO_DEADLINE;
	int number;

	if (mask_bytes != MASK_BYTES || !self)
		return -EINVAL;
	if (pointer_is_bad(set) || (info && pointer_is_bad(info)) ||
	    (timeout && pointer_is_bad(timeout)))
		return -EFAULT;
	if (timeout && !timespec_valid(timeout))
		return -EINVAL;
	if (timeout)
		deadline_ns = deadline_after(timeout);
	sleep_until_pending(self, *set | ~self->masked, deadline_ns);
	number = take_pending(self, *set);
	if (!number)
		return signal_pending() ? -EINTR : -EAGAIN;
	if (info) {
		memset(info, 0, sizeof(*info));
		info->si_signo = number;
		info->si_code = SI_TKILL;
		info->si_pid = PROCESS_ID;
	}
	return number;
}

/* Handlers run on the stack of their thread; another one is accepted and not used. */
long sys_sigaltstack(const stack_t *stack, stack_t *old)
{
	if ((stack && pointer_is_bad(stack)) || (old && pointer_is_bad(old)))
		return -EFAULT;
	if (stack && !(stack->ss_flags & SS_DISABLE) && stack->ss_size < MINSIGSTKSZ)
		return -ENOMEM;
	if (old)
		*old = (stack_t){ .ss_flags = SS_DISABLE };
	return 0;
}

long sys_tgkill(int pid, int tid, int number)
{
	struct posix_thread *self = posix_self(), *each;
	unsigned long irq;

	if (pid != PROCESS_ID)
		return -ESRCH;
	if (number < 0 || number > SIGNALS)
		return -EINVAL;
	if (self && self->thread->id == tid) {
		if (number) {
			signal_send(self, number);
			signal_run_handlers();
		}
		return 0;
	}
	irq = spin_lock(&posix_threads_lock);
	for (each = posix_threads; each; each = each->next)
		if (each->thread && each->thread->id == tid)
			break;
	if (each && number)
		signal_send(each, number);
	spin_unlock(&posix_threads_lock, irq);
	return each ? 0 : -ESRCH;
}

long sys_tkill(int tid, int number)
{
	return sys_tgkill(PROCESS_ID, tid, number);
}

/* To a thread that does not block it, else it waits for the first that unblocks it or asks
 * for it. Any context. */
static void send_to_process(int number)
{
	struct posix_thread *each;
	unsigned long irq;

	irq = spin_lock(&posix_threads_lock);
	for (each = posix_threads; each; each = each->next)
		if (each->thread && !(each->masked & signal_bit(number)))
			break;
	if (!each)
		__atomic_fetch_or(&signal_process_pending, signal_bit(number),
				  __ATOMIC_RELEASE);
	for (struct posix_thread *other = posix_threads; other && !each;
	     other = other->next)
		wait_wake(&other->wakeup, WAKE_ALL, 0);
	if (each)
		signal_send(each, number);
	spin_unlock(&posix_threads_lock, irq);
}

/* From the console's driver: an application that wants to know is told. */
void console_resized(void)
{
	if (!signal_ignored(SIGWINCH))
		send_to_process(SIGWINCH);
}

/* To the process (or its group, or all there are: with number 1, -1 is both): to this thread
 * if it does not block it, else to another. */
long sys_kill(int pid, int number)
{
	struct posix_thread *self = posix_self();

	if (pid != PROCESS_ID && pid != 0 && pid != -1)
		return -ESRCH;
	if (number < 0 || number > SIGNALS)
		return -EINVAL;
	if (!number || signal_ignored(number))
		return 0;
	if (self && !(self->masked & signal_bit(number)))
		return sys_tkill(self->thread->id, number);
	send_to_process(number);
	return 0;
}
