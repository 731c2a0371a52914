/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Reads and writes as requests to the host; what it says of files. */

#include <errno.h>
#include <string.h>
#include <fs/fs.h>
#include <fs/share.h>

struct progress {
	const struct share_steps *steps;
	void *context;
	size_t bytes, issued, done;
	size_t asked[SHARE_IN_FLIGHT];
	unsigned first, count; /* requests in flight: a circle */
	int error;
	bool ended; /* no more are sent, and what still comes does not count */
};

/* Sends as many as may be in flight. Who holds requests of its own must not wait for
 * others to give theirs up. */
static void issue(struct progress *p)
{
	while (!p->ended && p->issued < p->bytes && p->count < SHARE_IN_FLIGHT) {
		unsigned part = (p->first + p->count) % SHARE_IN_FLIGHT;
		ssize_t taken = p->steps->issue(p->context, part, p->issued,
						p->bytes - p->issued, !p->count);

		if (taken == -EAGAIN && p->count)
			return;
		if (taken < 0) {
			p->error = (int)taken;
			p->bytes = p->issued; /* those in flight count */
			return;
		}
		p->asked[part] = (size_t)taken;
		p->issued += (size_t)taken;
		p->count++;
	}
}

ssize_t share_transfer(const struct share_steps *steps, void *context, size_t bytes)
{
	struct progress p = { .steps = steps, .context = context, .bytes = bytes };

	for (;;) {
		ssize_t got;

		issue(&p);
		if (!p.count)
			break;
		got = steps->finish(context, p.first);
		if (!p.ended && got > 0)
			p.done += (size_t)got;
		if (!p.ended && got < (ssize_t)p.asked[p.first]) {
			p.ended = true;
			if (got < 0)
				p.error = (int)got;
		}
		p.first = (p.first + 1) % SHARE_IN_FLIGHT;
		p.count--;
	}
	return p.done || !p.error ? (ssize_t)p.done : p.error;
}

bool share_is_name(const char *name, size_t length)
{
	return length && length <= FS_NAME_MAX && !memchr(name, '/', length) &&
	       !memchr(name, '\0', length);
}

bool share_is_file(uint32_t mode, uint64_t size)
{
	return fs_is_kind(mode) && size <= INT64_MAX;
}
