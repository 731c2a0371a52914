/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The mock device in a thread of its own. */

#include <pthread.h>
#include <stdlib.h>
#include "mock/thread.h"

struct mock_thread {
	pthread_t thread;
	pthread_mutex_t lock;	 /* recursive: a doorbell may ring within serve() */
	pthread_cond_t work;	 /* to the device: a kick, or the end */
	pthread_cond_t progress; /* to the driver: an interrupt, or the device is idle */
	bool stop, idle;
	bool posted[MOCK_QUEUES + 1];
};

void mock_thread_lock(struct mock *mock)
{
	if (mock->thread)
		pthread_mutex_lock(&mock->thread->lock);
}

void mock_thread_unlock(struct mock *mock)
{
	if (mock->thread)
		pthread_mutex_unlock(&mock->thread->lock);
}

void mock_thread_wake(struct mock *mock)
{
	if (mock->thread)
		pthread_cond_signal(&mock->thread->work);
}

void mock_thread_post(struct mock *mock, unsigned queue)
{
	mock->thread->posted[queue] = true;
	pthread_cond_signal(&mock->thread->progress);
}

static int next_kicked(const struct mock *mock)
{
	for (unsigned i = 0; i < MOCK_QUEUES; i++)
		if (mock->queues[i].kicked)
			return (int)i;
	return -1;
}

static void *work(void *argument)
{
	struct mock *mock = argument;
	struct mock_thread *self = mock->thread;

	pthread_mutex_lock(&self->lock);
	while (!self->stop) {
		int queue = next_kicked(mock);

		if (queue >= 0) {
			mock->queues[queue].kicked = false;
			if (mock->serve)
				mock->serve(mock, (unsigned)queue);
			mock_flush(mock, (unsigned)queue);
			/* Lets the driver's doorbells in between. */
			pthread_mutex_unlock(&self->lock);
			pthread_mutex_lock(&self->lock);
			continue;
		}
		self->idle = true;
		pthread_cond_signal(&self->progress);
		pthread_cond_wait(&self->work, &self->lock);
		self->idle = false;
	}
	pthread_mutex_unlock(&self->lock);
	return NULL;
}

void mock_thread_start(struct mock *mock)
{
	struct mock_thread *self = calloc(1, sizeof(*self));
	pthread_mutexattr_t recursive;

	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&self->lock, &recursive);
	pthread_cond_init(&self->work, NULL);
	pthread_cond_init(&self->progress, NULL);
	mock->thread = self;
	if (pthread_create(&self->thread, NULL, work, mock))
		abort();
}

void mock_thread_stop(struct mock *mock)
{
	struct mock_thread *self = mock->thread;

	pthread_mutex_lock(&self->lock);
	self->stop = true;
	pthread_cond_signal(&self->work);
	pthread_mutex_unlock(&self->lock);
	pthread_join(self->thread, NULL);
	mock->thread = NULL;
	pthread_mutex_destroy(&self->lock);
	pthread_cond_destroy(&self->work);
	pthread_cond_destroy(&self->progress);
	free(self);
}

/* Takes one interrupt that was posted. */
static int take_posted(struct mock_thread *self)
{
	for (unsigned i = 0; i <= MOCK_QUEUES; i++) {
		if (self->posted[i]) {
			self->posted[i] = false;
			return (int)i;
		}
	}
	return -1;
}

bool mock_thread_deliver(struct mock *mock)
{
	struct mock_thread *self = mock->thread;
	bool any = false;
	int queue;

	pthread_mutex_lock(&self->lock);
	for (;;) {
		queue = take_posted(self);
		if (queue < 0) {
			if (any || (self->idle && next_kicked(mock) < 0))
				break;
			pthread_cond_wait(&self->progress, &self->lock);
			continue;
		}
		/* The handler rings doorbells and reads registers. */
		pthread_mutex_unlock(&self->lock);
		if (queue == MOCK_QUEUES)
			mock_raise_config(mock);
		else
			mock_raise_queue(mock, (unsigned)queue);
		any = true;
		pthread_mutex_lock(&self->lock);
	}
	pthread_mutex_unlock(&self->lock);
	return any;
}
