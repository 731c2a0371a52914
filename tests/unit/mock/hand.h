/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A driver by hand, for tests of the mock itself: rings in plain memory, each word written
 * by the test. Included by one test file each. */

#ifndef MOCK_HAND_H
#define MOCK_HAND_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unit.h>
#include "host/host.h"
#include "mock/mock.h"
#include "mock/ring.h"

#define HAND_SIZE 8

static struct mock *mock;
static struct mock_queue *queue;
static struct mock_descriptor ring[64] __attribute__((aligned(64)));
static struct mock_descriptor table[64] __attribute__((aligned(64)));
static uint16_t driver_area[64] __attribute__((aligned(64)));
static uint16_t device_area[512] __attribute__((aligned(64)));
static char data[256];
static unsigned raised;

static void raise_queue(struct mock *which, unsigned index)
{
	(void)which;
	(void)index;
	raised++;
}

static void raise_config(struct mock *which)
{
	(void)which;
}

/* Up to FEATURES_OK, with these features besides VERSION_1. */
static inline void hand_negotiate(uint64_t features)
{
	struct virtio_features accepted = { { features |
					      VIRTIO_BIT(VIRTIO_F_VERSION_1) } };

	unsetenv("FERRULE_TEST_RING");
	mock = mock_new(77);
	queue = &mock->queues[0];
	mock_raise_queue = raise_queue;
	mock_raise_config = raise_config;
	raised = 0;
	mock->queue_max[0] = 64;
	mock->config_bytes = 16;
	mock->offered.words[0] |= features;
	memset(ring, 0, sizeof(ring));
	memset(table, 0, sizeof(table));
	memset(driver_area, 0, sizeof(driver_area));
	memset(device_area, 0, sizeof(device_area));
	mock_status_write(mock, 0);
	mock_status_write(mock, VIRTIO_STATUS_ACKNOWLEDGE);
	mock_status_write(mock, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	mock_features_write(mock, &accepted);
	mock_status_write(mock, 11);
}

static inline void hand_enable(unsigned size)
{
	queue->size = (uint16_t)size;
	queue->desc = (uintptr_t)ring;
	queue->avail = (uintptr_t)driver_area;
	queue->used = (uintptr_t)device_area;
	mock_queue_enable(mock, 0);
}

static inline void hand_start(uint64_t features)
{
	hand_negotiate(features);
	hand_enable(HAND_SIZE);
	mock_status_write(mock, 15);
}

static inline void hand_end(void)
{
	mock_free(mock);
}

static inline void describe(struct mock_descriptor *entry, unsigned flags, unsigned next)
{
	*entry = (struct mock_descriptor){ (uintptr_t)data, 16, (uint16_t)flags,
					   (uint16_t)next };
}

/* Makes heads available that are at the ring's next places already. */
static inline void publish(unsigned count)
{
	driver_area[1] = (uint16_t)(driver_area[1] + count);
}

static inline void head(unsigned which)
{
	driver_area[2 + driver_area[1] % HAND_SIZE] = (uint16_t)which;
	publish(1);
}

/* Runs it in a child, which the mock must abort with that message. */
static inline void expect_violation(void (*run)(void), const char *message)
{
	char said[4096];
	size_t bytes = 0;
	ssize_t now;
	int pipes[2], status;
	pid_t pid;

	fflush(NULL);
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(pipes[1], 2);
		close(pipes[1]);
		signal(SIGABRT, SIG_DFL);
		run();
		_exit(0);
	}
	close(pipes[1]);
	while ((now = read(pipes[0], said + bytes, sizeof(said) - 1 - bytes)) > 0)
		bytes += (size_t)now;
	said[bytes] = '\0';
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status) || !strstr(said, message))
		fail_msg("expected \"%s\", status %#x, heard: %s", message, status, said);
}

struct violation {
	void (*run)(void);
	const char *message;
};

#define expect_violations(list)                                                   \
	do {                                                                      \
		for (unsigned each = 0; each < array_count(list); each++)         \
			expect_violation((list)[each].run, (list)[each].message); \
	} while (0)

#endif
