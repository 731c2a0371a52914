/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Queues of the vhost-user transport: what the back end is told of memory and rings, and
 * the counters by which both sides raise each other. */

#include <errno.h>
#include <string.h>
#include <arch/mmu.h>
#include <host/ram.h>
#include <host/socket.h>
#include <kernel/format.h>
#include <kernel/heap.h>
#include <virtio/ring/ring.h>
#include <virtio/transport/vhost_user.h>

#define VRING_NO_FD 0x100

/* Payloads. */
struct vring_state {
	uint32_t index, value;
};

struct vring_address {
	uint32_t index, flags;
	uint64_t desc, used, avail, log; /* our addresses, not physical ones */
};

struct memory_table {
	uint32_t count, padding;
	struct {
		uint64_t phys, bytes, address, offset;
	} regions[HOST_FDS_MAX];
};

/* When the back end has said where it stands, it has let go of the ring; one that does not
 * say so is asked again, and the ring's memory stays its own. */
int vhost_user_stop(struct vhost_user *self, struct vhost_user_queue *queue)
{
	struct vring_state state = { queue->vq->index, 0 };
	int error = 0;

	if (!queue->started)
		return 0;
	if (self->features & VIRTIO_BIT(VHOST_USER_HAS_PROTOCOL_FEATURES))
		error = vhost_user_set(self, VHOST_USER_SET_VRING_ENABLE, &state,
				       sizeof(state), NULL, 0);
	if (!error)
		error = vhost_user_get(self, VHOST_USER_GET_VRING_BASE, &state,
				       sizeof(state), &state, sizeof(state));
	queue->started = error != 0;
	return error;
}

static int send_memory(struct vhost_user *self)
{
	struct memory_table table = { 0 };
	struct host_ram_region region;
	int fds[HOST_FDS_MAX];
	int error;

	for (unsigned i = 0; i < HOST_FDS_MAX && host_ram_region(i, &region); i++) {
		table.regions[i].phys = region.phys;
		table.regions[i].bytes = region.bytes;
		table.regions[i].address = (uintptr_t)region.address;
		table.regions[i].offset = region.offset;
		fds[i] = region.fd;
		table.count++;
	}
	error = vhost_user_set(self, VHOST_USER_SET_MEM_TABLE, &table,
			       (uint32_t)(offsetof(struct memory_table, regions) +
					  table.count * sizeof(table.regions[0])),
			       fds, table.count);
	self->memory_known = !error;
	return error;
}

static int send_counter(struct vhost_user *self, enum vhost_user_request request,
			unsigned index, int fd)
{
	uint64_t value = index | (fd < 0 ? VRING_NO_FD : 0);

	return vhost_user_set(self, request, &value, sizeof(value), &fd, fd >= 0);
}

static int set_state(struct vhost_user *self, enum vhost_user_request request,
		     unsigned index, uint32_t value)
{
	struct vring_state state = { index, value };

	return vhost_user_set(self, request, &state, sizeof(state), NULL, 0);
}

/* The descriptor to be kicked starts the ring, so it comes last but for the word that
 * enables it. A packed ring begins with its wrap counters at 1 (VIRTIO 1.3 §2.8.1). */
static int start(struct vhost_user *self, struct vhost_user_queue *queue)
{
	const struct virtqueue *vq = queue->vq;
	bool packed = virtio_has(&self->device, VIRTIO_F_RING_PACKED);
	struct vring_address address = {
		.index = vq->index,
		.desc = (uintptr_t)phys_to_virt(vq->desc_phys),
		.used = (uintptr_t)phys_to_virt(vq->device_phys),
		.avail = (uintptr_t)phys_to_virt(vq->driver_phys),
	};
	int error = set_state(self, VHOST_USER_SET_VRING_NUM, vq->index, vq->size);

	if (!error)
		error = set_state(self, VHOST_USER_SET_VRING_BASE, vq->index,
				  packed ? 0x80008000 : 0);
	if (!error)
		error = vhost_user_set(self, VHOST_USER_SET_VRING_ADDR, &address,
				       sizeof(address), NULL, 0);
	if (!error)
		error = send_counter(self, VHOST_USER_SET_VRING_CALL, vq->index,
				     queue->call.fd);
	if (error)
		return error;
	queue->started = true; /* as far as we know */
	error = send_counter(self, VHOST_USER_SET_VRING_KICK, vq->index, queue->kick);
	if (!error && self->features & VIRTIO_BIT(VHOST_USER_HAS_PROTOCOL_FEATURES))
		error = set_state(self, VHOST_USER_SET_VRING_ENABLE, vq->index, 1);
	return error;
}

int vhost_user_queue_enable(struct virtio_device *device, struct virtqueue *vq)
{
	struct vhost_user *self = vhost_user(device);
	int error = self->memory_known ? 0 : send_memory(self);

	return error ? error : start(self, vq->transport_data);
}

int vhost_user_queue_reset(struct virtio_device *device, struct virtqueue *vq)
{
	return vhost_user_stop(vhost_user(device), vq->transport_data);
}

void vhost_user_notify(struct virtqueue *vq)
{
	const struct vhost_user_queue *queue = vq->transport_data;

	host_counter_raise(queue->kick);
}

static void call_ready(struct host_event *event)
{
	struct vhost_user_queue *queue = (struct vhost_user_queue *)event;

	if (host_counter_take(event->fd))
		virtio_interrupt_queue(queue->vq);
}

void vhost_user_interrupts_detach(struct virtio_device *device)
{
	struct vhost_user *self = vhost_user(device);

	for (unsigned i = 0; i < self->queue_count; i++) {
		host_event_remove(&self->queues[i].call);
		host_close(self->queues[i].call.fd);
		host_close(self->queues[i].kick);
	}
	kfree(self->queues);
	self->queues = NULL;
	self->queue_count = 0;
	device->interrupts = "none";
}

static int attach(struct vhost_user_queue *queue, struct virtqueue *vq)
{
	*queue = (struct vhost_user_queue){
		{ -1, call_ready }, vq, host_counter(), false
	};
	vq->transport_data = queue;
	if (queue->kick < 0)
		return queue->kick;
	if (!vq->callback)
		return 0;
	queue->call.fd = host_counter();
	return queue->call.fd < 0 ? queue->call.fd : host_event_add(&queue->call);
}

int vhost_user_interrupts_attach(struct virtio_device *device, unsigned count)
{
	struct vhost_user *self = vhost_user(device);
	int error = 0;

	self->queues = kzalloc(count * sizeof(*self->queues));
	if (!self->queues)
		return -ENOMEM;
	while (self->queue_count < count && !error) {
		error = attach(&self->queues[self->queue_count],
			       device->queues[self->queue_count]);
		self->queue_count++;
	}
	if (error) {
		vhost_user_interrupts_detach(device);
		return error;
	}
	format(self->interrupts, sizeof(self->interrupts), "eventfd ×%u", count);
	device->interrupts = self->interrupts;
	return 0;
}
