/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

#define THREADS 8
#define ROUNDS	2000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static long counter;
static _Thread_local int local = 42;
static _Thread_local char local_array[300];

static void *count(void *argument)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		if (i % 64 == 0)
			sched_yield();
		pthread_mutex_unlock(&mutex);
	}
	return argument;
}

static void test_mutex(void)
{
	pthread_t threads[THREADS];
	bool joined = true;

	for (uintptr_t i = 0; i < THREADS; i++)
		joined = joined && !pthread_create(&threads[i], NULL, count, (void *)i);
	for (uintptr_t i = 0; i < THREADS; i++) {
		void *result = NULL;

		joined = joined && !pthread_join(threads[i], &result) &&
			 result == (void *)i;
	}
	check(joined, "create and join, with results");
	check(counter == THREADS * ROUNDS, "a mutex excludes");
}

static void *touch_local(void *argument)
{
	bool fresh = local == 42 && !local_array[0] && !local_array[299];

	local = 7;
	local_array[299] = 1;
	return fresh ? argument : NULL;
}

static void test_local(void)
{
	pthread_t thread;
	void *result = NULL;

	local = 1;
	local_array[0] = 1;
	pthread_create(&thread, NULL, touch_local, &local);
	pthread_join(thread, &result);
	check(result && local == 1 && !local_array[299], "thread-local storage");
}

static int turns;

static void *take_turns(void *parity)
{
	for (int i = 0; i < 500; i++) {
		pthread_mutex_lock(&mutex);
		while ((turns & 1) != (int)(intptr_t)parity)
			pthread_cond_wait(&condition, &mutex);
		turns++;
		pthread_cond_broadcast(&condition);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static struct timespec soon(long ms)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	time.tv_nsec += ms * 1000000;
	time.tv_sec += time.tv_nsec / 1000000000;
	time.tv_nsec %= 1000000000;
	return time;
}

static void test_condition(void)
{
	struct timespec deadline = soon(20);
	pthread_t a, b;
	int error;

	pthread_create(&a, NULL, take_turns, (void *)0);
	pthread_create(&b, NULL, take_turns, (void *)1);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	check(turns == 1000, "a condition variable hands over");
	pthread_mutex_lock(&mutex);
	do
		error = pthread_cond_timedwait(&condition, &mutex, &deadline);
	while (!error);
	pthread_mutex_unlock(&mutex);
	check(error == ETIMEDOUT, "pthread_cond_timedwait times out");
}

static sem_t semaphore;

static void *post(void *argument)
{
	usleep(5000);
	sem_post(&semaphore);
	return argument;
}

static void test_semaphore(void)
{
	struct timespec deadline = soon(20);
	pthread_t thread;

	sem_init(&semaphore, 0, 0);
	pthread_create(&thread, NULL, post, NULL);
	check(sem_wait(&semaphore) == 0, "a semaphore wakes");
	pthread_join(thread, NULL);
	check(sem_timedwait(&semaphore, &deadline) == -1 && errno == ETIMEDOUT,
	      "sem_timedwait times out");
}

static atomic_int ended;

static void *end_soon(void *argument)
{
	char room[20000];

	memset(room, 1, sizeof(room));
	__asm__ volatile("" : : "r"(room) : "memory");
	ended++;
	return argument;
}

/* Many more than fit at once: stacks must come back. */
static void test_detached(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	bool good = true;
	int created = 0;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, 64 * 1024);
	for (int i = 0; i < 2000 && good; i++) {
		good = !pthread_create(&thread, &attributes, end_soon, NULL);
		created += good;
		if (i % 16 == 15)
			while (ended < created)
				sched_yield();
	}
	for (int i = 0; i < 1000 && ended < created; i++)
		usleep(1000);
	check(good && ended == 2000, "2000 detached threads");
}

/* Joined ones give back all they had, too. */
static void test_joined(void)
{
	pthread_t threads[10];
	bool good = true;

	for (int i = 0; i < 10000 && good; i += 10) {
		for (int j = 0; j < 10; j++)
			good = !pthread_create(&threads[j], NULL, touch_local, &local) &&
			       good;
		for (int j = 0; j < 10 && good; j++)
			good = !pthread_join(threads[j], NULL);
	}
	check(good, "10000 joined threads");
}

static void *spin(void *stop)
{
	volatile double sum = 0;

	while (!*(atomic_int *)stop)
		sum += 1.5;
	return sum > 0 ? stop : NULL;
}

/* A thread that never gives up the CPU does not keep others from it, and keeps its
 * floating point registers. */
static void test_preemption(void)
{
	atomic_int stop = 0;
	pthread_t thread;
	volatile double sum = 0;
	void *result = NULL;

	pthread_create(&thread, NULL, spin, &stop);
	usleep(20000);
	for (int i = 0; i < 2000000; i++)
		sum += 0.5;
	stop = 1;
	pthread_join(thread, &result);
	check(sum == 1000000 && result == &stop, "preemption keeps the registers");
}

static pthread_key_t key;
static atomic_int destroyed;

static void destroy(void *value)
{
	destroyed += (int)(intptr_t)value;
}

static void *use_key(void *argument)
{
	pthread_setspecific(key, (void *)5);
	return argument;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_count;

static void run_once(void)
{
	once_count++;
}

static void *wait_for_ever(void *argument)
{
	sem_wait(argument);
	return NULL;
}

static void test_rest(void)
{
	pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
	pthread_barrier_t barrier;
	pthread_t thread;
	sem_t never;
	void *result = NULL;

	pthread_key_create(&key, destroy);
	pthread_create(&thread, NULL, use_key, NULL);
	pthread_join(thread, NULL);
	check(destroyed == 5, "destructor of thread-specific data");
	pthread_once(&once, run_once);
	pthread_once(&once, run_once);
	check(once_count == 1, "pthread_once");
	check(!pthread_rwlock_rdlock(&lock) && !pthread_rwlock_tryrdlock(&lock) &&
		      pthread_rwlock_trywrlock(&lock) == EBUSY,
	      "read-write lock");
	pthread_barrier_init(&barrier, NULL, 1);
	check(pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD, "barrier");
	sem_init(&never, 0, 0);
	pthread_create(&thread, NULL, wait_for_ever, &never);
	usleep(2000);
	check(!pthread_cancel(thread) && !pthread_join(thread, &result) &&
		      result == PTHREAD_CANCELED,
	      "cancellation of a thread that sleeps");
	check(!pthread_setname_np(pthread_self(), "tester"), "a thread's name");
}

void test_threads(void)
{
	test_mutex();
	test_local();
	test_condition();
	test_semaphore();
	test_detached();
	test_joined();
	test_preemption();
	test_rest();
}
