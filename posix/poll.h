/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Waiting for events of several files at once: what poll and select stand on. */

#ifndef POSIX_POLL_H
#define POSIX_POLL_H

#include <poll.h>
#include <stdint.h>

/* Fills revents and returns how many are not 0; waits for one until the deadline. -EINTR,
 * -ENOMEM. Negative descriptors are skipped, bad ones answer POLLNVAL. */
long poll_files(struct pollfd *fds, unsigned long count, uint64_t deadline_ns);

struct timespec;
/* The deadline a relative timeout means; NULL: never. false: not a valid time. */
_Bool poll_deadline(const struct timespec *timeout, uint64_t *deadline_ns);
/* The same for the milliseconds of poll and epoll_wait; negative: never. */
uint64_t poll_deadline_ms(int timeout_ms);

#endif
