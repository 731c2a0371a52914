/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Round robin over one run queue. There is no idle thread: when nothing is runnable, the
 * CPU halts on the stack of the thread that slept last. Mostly that thread is the next
 * to run as well, and then nothing was switched.
 *
 * There is no tick: a timer runs only while some thread is in line for the CPU. */

#include <arch/cpu.h>
#include <arch/thread.h>
#include <kernel/heap.h>
#include <kernel/panic.h>
#include <kernel/sched.h>
#include <kernel/time.h>

#define SLICE_NS (2 * NS_PER_MS)
#define TURN_NS	 NS_PER_MS /* what a thread that computes may have at least */

struct spinlock sched_lock;
static struct thread *run_first, *run_last; /* under sched_lock */

/* The slice that is being timed: this thread, since it was switched to. Looking only when
 * the timer expires makes switches cheap; a slice lasts one to two periods. Under
 * sched_lock. */
static struct slice {
	struct timer timer;
	const struct thread *thread;
	uint64_t switches;
} slice;

/* The thread that was preempted last, since it has the CPU again: it computes, most likely
 * on and on. Who sleeps now and then is never preempted, and its switches cost no look at
 * the clock. Under sched_lock. */
static struct {
	const struct thread *thread;
	uint64_t switches, since_ns;
} resumed;

static bool has_had_turn(const struct cpu *cpu)
{
	return resumed.thread == cpu->current &&
	       resumed.switches == cpu->current->switches &&
	       clock_ns() - resumed.since_ns >= TURN_NS;
}

static void slice_begin(struct cpu *cpu)
{
	if (slice.timer.armed)
		return;
	slice.thread = cpu->current;
	slice.switches = cpu->current->switches;
	timer_arm(&slice.timer, clock_ns() + SLICE_NS);
}

static void slice_expired(struct timer *timer)
{
	unsigned long flags = spin_lock(&sched_lock);
	struct cpu *cpu = this_cpu();

	(void)timer;
	if (run_first && !cpu->idle) {
		if (slice.thread == cpu->current &&
		    slice.switches == cpu->current->switches)
			cpu->need_resched = true;
		slice_begin(cpu);
	}
	spin_unlock(&sched_lock, flags);
}

void sched_run(struct thread *thread)
{
	struct cpu *cpu = this_cpu();

	thread->state = THREAD_RUNNABLE;
	thread->run_next = NULL;
	if (run_first)
		run_last->run_next = thread;
	else
		run_first = thread;
	run_last = thread;
	if (cpu->idle)
		return;
	slice_begin(cpu);
	/* Who is woken by an interrupt does not wait for the end of the slice. */
	if (cpu->interrupt_depth && !cpu->need_resched)
		cpu->need_resched = has_had_turn(cpu);
}

void sched_wake(struct thread *thread)
{
	thread->wakes++;
	if (thread->state != THREAD_WAITING)
		return;
	/* Its CPU halts on its stack and looks at its state next: it is not in line. */
	if (thread->idling)
		thread->state = THREAD_RUNNABLE;
	else
		sched_run(thread);
}

/* Halts until some thread is runnable, and returns it: `self`, which then is not in line,
 * or the first in line. Interrupts come only inside arch_idle(), so none is lost between
 * look and halt. */
static __attribute__((noinline)) struct thread *idle(struct cpu *cpu, struct thread *self)
{
	self->idling = true;
	cpu->idle = self;
	while (!run_first && self->state != THREAD_RUNNABLE) {
		__atomic_clear(&sched_lock.held, __ATOMIC_RELEASE);
		arch_idle();
		spin_take(&sched_lock);
	}
	cpu->idle = NULL;
	self->idling = false;
	return self->state == THREAD_RUNNABLE ? self : run_first;
}

void schedule(void)
{
	struct cpu *cpu = this_cpu();
	struct thread *self = cpu->current, *next = run_first;

	if (cpu->preempt_count)
		panic("sched: thread %d \"%s\" sleeps with preemption disabled", self->id,
		      self->name);
	if (!next) {
		next = idle(cpu, self);
		if (next == self)
			return;
	}
	run_first = next->run_next;
	cpu->need_resched = false;
	if (next == self)
		return;
	cpu->current = next;
	next->switches++;
	if (run_first)
		slice_begin(cpu);
	arch_switch(&self->arch, &next->arch);
}

void thread_yield(void)
{
	unsigned long flags = spin_lock(&sched_lock);

	this_cpu()->need_resched = false;
	if (run_first) {
		sched_run(arch_current());
		schedule();
	}
	spin_unlock(&sched_lock, flags);
}

/* Counting must not be torn by a move to another CPU. */
void preempt_disable(void)
{
	unsigned long flags = arch_irq_save();

	this_cpu()->preempt_count++;
	arch_irq_restore(flags);
}

void preempt_enable(void)
{
	unsigned long flags = arch_irq_save();
	struct cpu *cpu = this_cpu();
	bool due = --cpu->preempt_count == 0 && cpu->need_resched &&
		   arch_irq_flags_enabled(flags) && cpu->interrupt_depth == 0;

	arch_irq_restore(flags);
	if (due)
		thread_yield();
}

/* Room for a thread's FPU state, had at its first preemption. The heap aligns powers of
 * two to themselves, and XSAVE wants its area zeroed before its first use (Intel SDM
 * vol. 1, §13.4.2). */
static void *fpu_area(void)
{
	size_t bytes = 64;

	while (bytes < arch_fpu_bytes())
		bytes *= 2;
	return kzalloc(bytes);
}

void sched_interrupt_exit(void)
{
	struct cpu *cpu = this_cpu();
	struct thread *self = cpu->current;
	unsigned long flags;

	if (!cpu->need_resched || cpu->preempt_count || cpu->idle)
		return;
	if (!self->arch.fpu && !(self->arch.fpu = fpu_area()))
		return; /* no memory: tried again at the next interrupt */
	arch_fpu_save(&self->arch);
	flags = spin_lock(&sched_lock);
	if (run_first) {
		sched_run(self);
		schedule();
		resumed.thread = self;
		resumed.switches = self->switches;
		resumed.since_ns = clock_ns();
	}
	cpu->need_resched = false;
	spin_unlock(&sched_lock, flags);
	arch_fpu_restore(&self->arch);
}

/* The boot thread runs on the boot stack and is never freed. */
void sched_init(void)
{
	static struct thread boot_thread = {
		.state = THREAD_RUNNABLE,
		.name = "boot",
		.switches = 1,
	};

	slice.timer.expired = slice_expired;
	thread_register(&boot_thread);
	this_cpu()->current = &boot_thread;
}
