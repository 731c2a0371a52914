/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#define _GNU_SOURCE

#include "output.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define PIECES	     64
#define PIECE_ANSWER 6 /* the most pieces one answer takes */
#define COPY_BYTES   (32 * 1024)
#define COPY_ANSWER  (14 * 1024) /* the most bytes one answer copies: a coded address */

static struct iovec pieces[PIECES + 1]; /* one more for what is sent along */
static unsigned piece_count;
static size_t piece_bytes;
static char copies[COPY_BYTES];
static size_t copy_bytes;
static struct resource *held[PIECES];
static unsigned held_count;

void output_add(const void *data, size_t bytes)
{
	if (!bytes)
		return;
	pieces[piece_count].iov_base = (void *)data;
	pieces[piece_count].iov_len = bytes;
	piece_count++;
	piece_bytes += bytes;
}

void output_copy(const char *data, size_t bytes)
{
	memcpy(copies + copy_bytes, data, bytes);
	output_add(copies + copy_bytes, bytes);
	copy_bytes += bytes;
}

void output_hold(struct resource *resource)
{
	resource->references++;
	held[held_count++] = resource;
}

bool output_has_room(void)
{
	return piece_count + PIECE_ANSWER <= PIECES &&
	       copy_bytes + COPY_ANSWER <= COPY_BYTES;
}

size_t output_bytes(void)
{
	return piece_bytes;
}

ssize_t output_send(int fd, const void *extra, size_t extra_bytes)
{
	struct msghdr message = { .msg_iov = pieces };
	ssize_t sent;

	message.msg_iovlen = piece_count;
	if (extra_bytes) {
		pieces[piece_count].iov_base = (void *)extra;
		pieces[piece_count].iov_len = extra_bytes;
		message.msg_iovlen++;
	}
	do
		sent = sendmsg(fd, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

size_t output_rest(size_t skip, char *out)
{
	size_t copied = 0;

	for (unsigned i = 0; i < piece_count; i++) {
		size_t length = pieces[i].iov_len;

		if (skip >= length) {
			skip -= length;
			continue;
		}
		memcpy(out + copied, (char *)pieces[i].iov_base + skip, length - skip);
		copied += length - skip;
		skip = 0;
	}
	return copied;
}

void output_reset(void)
{
	piece_count = 0;
	piece_bytes = 0;
	copy_bytes = 0;
	while (held_count)
		resource_put(held[--held_count]);
}
