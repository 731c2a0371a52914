/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* timerfd: expirations of a timer as a file. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <kernel/heap.h>
#include <kernel/sync.h>
#include <kernel/time.h>
#include <posix/file.h>
#include <posix/files.h>
#include <posix/pointer.h>

/* Least time from one interrupt to the next: intervals may be shorter than it takes to
 * count one expiration. Those in between are counted with the next. */
#define PAUSE_NS (50 * NS_PER_US)

struct timerfd {
	struct file file;
	struct timer timer;
	struct mutex setting; /* one settime at a time */
	struct spinlock lock;
	uint64_t expirations; /* since the last read; under lock, as the rest */
	uint64_t due_ns;      /* next expiration; NO_DEADLINE: disarmed */
	uint64_t interval_ns; /* 0: once */
	int clock;
};

static void expired(struct timer *timer)
{
	struct timerfd *self = (struct timerfd *)((char *)timer -
						  offsetof(struct timerfd, timer));
	uint64_t now = clock_ns(), missed;
	unsigned long flags = spin_lock(&self->lock);

	self->expirations++;
	if (self->interval_ns) {
		missed = now > self->due_ns ? (now - self->due_ns) / self->interval_ns
					    : 0;
		self->expirations += missed;
		self->due_ns += (missed + 1) * self->interval_ns;
		timer_arm(timer,
			  self->due_ns > now + PAUSE_NS ? self->due_ns : now + PAUSE_NS);
	} else {
		self->due_ns = NO_DEADLINE;
	}
	spin_unlock(&self->lock, flags);
	file_notify(&self->file, POLLIN);
}

static bool take(struct file *file, void *value)
{
	struct timerfd *self = (struct timerfd *)file;
	unsigned long flags = spin_lock(&self->lock);
	uint64_t taken = self->expirations;

	self->expirations = 0;
	spin_unlock(&self->lock, flags);
	*(uint64_t *)value = taken;
	return taken;
}

static ssize_t timerfd_readv(struct file *file, const struct iovec *vector, int count,
			     off_t *offset)
{
	uint64_t value;
	int error;

	(void)offset;
	if (iovec_length(vector, count) < sizeof(value))
		return -EINVAL;
	error = file_wait(file, take, &value, NO_DEADLINE);
	if (error)
		return error;
	iovec_copy_out(&value, sizeof(value), vector, count, 0);
	return sizeof(value);
}

static short timerfd_poll(struct file *file)
{
	return __atomic_load_n(&((struct timerfd *)file)->expirations, __ATOMIC_ACQUIRE)
		       ? POLLIN
		       : 0;
}

static int timerfd_stat(struct file *file, struct stat *out)
{
	(void)file;
	memset(out, 0, sizeof(*out));
	out->st_mode = 0600;
	out->st_nlink = 1;
	return 0;
}

static void timerfd_release(struct file *file)
{
	struct timerfd *self = (struct timerfd *)file;
	unsigned long flags = spin_lock(&self->lock);

	self->interval_ns = 0; /* it does not arm itself again */
	spin_unlock(&self->lock, flags);
	timer_cancel(&self->timer);
	kfree(self);
}

static const struct file_operations timerfd_operations = {
	.name = "timerfd",
	.readv = timerfd_readv,
	.poll = timerfd_poll,
	.stat = timerfd_stat,
	.release = timerfd_release,
};

long sys_timerfd_create(int clock, int flags)
{
	struct timerfd *self;

	if (flags & ~(TFD_CLOEXEC | TFD_NONBLOCK) ||
	    (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC &&
	     clock != CLOCK_BOOTTIME))
		return -EINVAL;
	self = kzalloc(sizeof(*self));
	if (!self)
		return -ENOMEM;
	file_init(&self->file, &timerfd_operations, O_RDWR | (flags & TFD_NONBLOCK));
	self->timer.expired = expired;
	self->due_ns = NO_DEADLINE;
	self->clock = clock;
	return fd_install(&self->file, flags & TFD_CLOEXEC);
}

/* The timer behind a descriptor, with a reference on its file; or an error. */
static int get_timer(int fd, struct timerfd **out)
{
	struct file *file = fd_get(fd);

	if (!file)
		return -EBADF;
	if (file->operations != &timerfd_operations) {
		file_put(file);
		return -EINVAL;
	}
	*out = (struct timerfd *)file;
	return 0;
}

static bool to_ns(const struct timespec *time, uint64_t *ns)
{
	if (time->tv_sec < 0 || (uint64_t)time->tv_nsec >= NS_PER_SEC)
		return false;
	*ns = NO_DEADLINE - 1; /* centuries away is as good as that far away */
	if ((uint64_t)time->tv_sec < NO_DEADLINE / NS_PER_SEC / 2)
		*ns = (uint64_t)time->tv_sec * NS_PER_SEC + (uint64_t)time->tv_nsec;
	return true;
}

static void from_ns(uint64_t ns, struct timespec *time)
{
	time->tv_sec = (time_t)(ns / NS_PER_SEC);
	time->tv_nsec = (long)(ns % NS_PER_SEC);
}

/* Under self->lock. */
static void describe(const struct timerfd *self, uint64_t now, struct itimerspec *out)
{
	uint64_t left = 0;

	if (self->due_ns != NO_DEADLINE)
		left = self->due_ns > now ? self->due_ns - now : 1; /* 0 means disarmed */
	from_ns(left, &out->it_value);
	from_ns(self->interval_ns, &out->it_interval);
}

/* clock_ns() time of an absolute time on the timer's clock. */
static uint64_t absolute(const struct timerfd *self, uint64_t ns, uint64_t now)
{
	int64_t offset;

	if (self->clock != CLOCK_REALTIME)
		return ns;
	offset = clock_realtime_ns() - (int64_t)now;
	return (int64_t)ns > offset ? (uint64_t)((int64_t)ns - offset) : 0;
}

long sys_timerfd_settime(int fd, int flags, const struct itimerspec *value,
			 struct itimerspec *old)
{
	uint64_t value_ns, interval_ns, now;
	struct itimerspec before;
	struct timerfd *self;
	unsigned long irq;
	int error;

	if (pointer_is_bad(value) || (old && pointer_is_bad(old)))
		return -EFAULT;
	if (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) ||
	    !to_ns(&value->it_value, &value_ns) ||
	    !to_ns(&value->it_interval, &interval_ns))
		return -EINVAL;
	error = get_timer(fd, &self);
	if (error)
		return error;
	mutex_lock(&self->setting);
	now = clock_ns();
	irq = spin_lock(&self->lock);
	describe(self, now, &before);
	self->interval_ns = 0; /* until the old timer is surely off */
	spin_unlock(&self->lock, irq);
	timer_cancel(&self->timer);

	irq = spin_lock(&self->lock);
	self->expirations = 0;
	self->interval_ns = interval_ns;
	self->due_ns = NO_DEADLINE;
	if (value_ns)
		self->due_ns = flags & TFD_TIMER_ABSTIME ? absolute(self, value_ns, now)
							 : now + value_ns;
	if (self->due_ns != NO_DEADLINE)
		timer_arm(&self->timer, self->due_ns);
	spin_unlock(&self->lock, irq);
	mutex_unlock(&self->setting);
	file_put(&self->file);
	if (old)
		*old = before;
	return 0;
}

long sys_timerfd_gettime(int fd, struct itimerspec *out)
{
	struct itimerspec now;
	struct timerfd *self;
	unsigned long irq;
	int error;

	if (pointer_is_bad(out))
		return -EFAULT;
	error = get_timer(fd, &self);
	if (error)
		return error;
	irq = spin_lock(&self->lock);
	describe(self, clock_ns(), &now);
	spin_unlock(&self->lock, irq);
	file_put(&self->file);
	*out = now;
	return 0;
}
