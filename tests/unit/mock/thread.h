/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A mock that works in a thread of its own, for races between device and driver.
 *
 *	mock_thread_start(mock);	// after mock_add()
 *	…				// the driver works; the device serves what it kicks
 *	mock_thread_stop(mock);		// before mock_remove()
 *
 * The device sleeps until a doorbell rings, so that a kick that is missing is seen: the
 * driver then sleeps for ever, which fails the test. Its interrupts come to the driver's
 * thread when that sleeps (host_world) or calls mock_run(). Registers and mock state are
 * under one lock, rings and buffers under none. serve() runs with the lock held. */

#ifndef MOCK_THREAD_H
#define MOCK_THREAD_H

#include "mock/mock.h"

void mock_thread_start(struct mock *mock);
void mock_thread_stop(struct mock *mock);

/* For the mock; they do nothing without a thread. The lock may be taken again by who has
 * it. */
void mock_thread_lock(struct mock *mock);
void mock_thread_unlock(struct mock *mock);
void mock_thread_wake(struct mock *mock);
/* An interrupt of that queue, or of the configuration (MOCK_QUEUES). */
void mock_thread_post(struct mock *mock, unsigned queue);
/* Delivers what was posted; waits while the device is at work. False: nothing more comes. */
bool mock_thread_deliver(struct mock *mock);

#endif
