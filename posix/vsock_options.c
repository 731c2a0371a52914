/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Options of AF_VSOCK sockets, and the buffer whose size they say, as Linux has them. What
 * the peer was told of space is not taken back: a buffer grows at once, and is smaller from
 * the next connection on. */

#include <linux/vm_sockets.h>
#include <string.h>
#include <sys/time.h>
#include <kernel/heap.h>
#include <kernel/time.h>
#include <posix/vsock.h>

#define RING_LEAST    4096u
#define CONNECT_S_MAX (INT64_MAX / (int64_t)NS_PER_SEC - 1)

void vsock_options_begin(struct vsock_socket *self)
{
	self->options = (struct vsock_options){
		.buffer = VSOCK_BUFFER_BYTES,
		.buffer_min = 128,
		.buffer_max = VSOCK_BUFFER_BYTES,
		.connect_timeout_ns = VSOCK_CONNECT_NS,
	};
}

/* A power of two, so that indices may run freely. */
static uint32_t ring_for(uint64_t bytes)
{
	uint32_t size = RING_LEAST;

	while (size < bytes)
		size *= 2;
	return size;
}

/* What waits in the old ring moves to where it belongs in the new one. */
static int resize(struct vsock_socket *self, uint32_t size)
{
	uint8_t *ring = kmalloc(size);
	uint32_t at = self->head, bytes;

	if (!ring)
		return -ENOBUFS;
	for (; at != self->tail; at += bytes) {
		bytes = self->ring_bytes - vsock_ring_index(self, at);
		if (bytes > self->tail - at)
			bytes = self->tail - at;
		memcpy(ring + (at & (size - 1)), self->ring + vsock_ring_index(self, at),
		       bytes);
	}
	kfree(self->ring);
	self->ring = ring;
	self->ring_bytes = size;
	return 0;
}

int vsock_open(struct vsock_socket *self)
{
	uint32_t size = ring_for(self->options.buffer);
	int error = self->ring && self->ring_bytes == size ? 0 : resize(self, size);

	if (!error)
		self->buf_alloc = (uint32_t)self->options.buffer;
	return error;
}

static int set_buffer(struct vsock_socket *self, uint64_t bytes)
{
	int error = 0;

	if (bytes > self->options.buffer_max)
		bytes = self->options.buffer_max;
	if (bytes < self->options.buffer_min)
		bytes = self->options.buffer_min;
	if (bytes > VSOCK_BUFFER_MOST)
		bytes = VSOCK_BUFFER_MOST;
	if (self->state > VSOCK_LISTENING && bytes > self->buf_alloc) {
		if (bytes > self->ring_bytes)
			error = resize(self, ring_for(bytes));
		if (error)
			return error;
		self->buf_alloc = (uint32_t)bytes;
		self->grown = true;
		vsock_was_read(self);
	}
	self->options.buffer = bytes;
	return 0;
}

static int set_size(struct vsock_socket *self, int option, const void *value,
		    socklen_t bytes)
{
	uint64_t size;

	if (bytes < sizeof(size))
		return -EINVAL;
	memcpy(&size, value, sizeof(size));
	if (option == SO_VM_SOCKETS_BUFFER_SIZE)
		return set_buffer(self, size);
	if (option == SO_VM_SOCKETS_BUFFER_MAX_SIZE)
		self->options.buffer_max = size;
	else
		self->options.buffer_min = size;
	return set_buffer(self, self->options.buffer);
}

static int set_connect_timeout(struct vsock_socket *self, const void *value,
			       socklen_t bytes)
{
	struct timeval time;

	if (bytes < sizeof(time))
		return -EINVAL;
	memcpy(&time, value, sizeof(time));
	if (time.tv_sec < 0 || time.tv_sec > CONNECT_S_MAX || time.tv_usec < 0 ||
	    time.tv_usec >= 1000000)
		return -ERANGE;
	self->options.connect_timeout_ns = (uint64_t)time.tv_sec * NS_PER_SEC +
					   (uint64_t)time.tv_usec * NS_PER_US;
	if (!self->options.connect_timeout_ns)
		self->options.connect_timeout_ns = VSOCK_CONNECT_NS;
	return 0;
}

int vsock_option_set(struct socket *socket, int option, const void *value,
		     socklen_t bytes)
{
	switch (option) {
	case SO_VM_SOCKETS_BUFFER_SIZE:
	case SO_VM_SOCKETS_BUFFER_MIN_SIZE:
	case SO_VM_SOCKETS_BUFFER_MAX_SIZE:
		return set_size(vsock_socket(socket), option, value, bytes);
	case SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD:
	case SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW:
		return set_connect_timeout(vsock_socket(socket), value, bytes);
	default:
		return -ENOPROTOOPT;
	}
}

/* Never a part of a value. */
static int store(const void *value, socklen_t size, void *out, socklen_t *bytes)
{
	if (*bytes < size)
		return -EINVAL;
	memcpy(out, value, size);
	*bytes = size;
	return 0;
}

int vsock_option_get(struct socket *socket, int option, void *out, socklen_t *bytes)
{
	const struct vsock_options *options = &vsock_socket(socket)->options;
	struct timeval time;

	switch (option) {
	case SO_VM_SOCKETS_BUFFER_SIZE:
		return store(&options->buffer, sizeof(uint64_t), out, bytes);
	case SO_VM_SOCKETS_BUFFER_MIN_SIZE:
		return store(&options->buffer_min, sizeof(uint64_t), out, bytes);
	case SO_VM_SOCKETS_BUFFER_MAX_SIZE:
		return store(&options->buffer_max, sizeof(uint64_t), out, bytes);
	case SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD:
	case SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW:
		time.tv_sec = (time_t)(options->connect_timeout_ns / NS_PER_SEC);
		time.tv_usec = (suseconds_t)(options->connect_timeout_ns % NS_PER_SEC /
					     NS_PER_US);
		return store(&time, sizeof(time), out, bytes);
	default:
		return -ENOPROTOOPT;
	}
}
