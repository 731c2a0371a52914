/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The vhost-user transport. The back end knows rings and the requests in them; what else a
 * device has on a bus (status, queue sizes, often its configuration) is kept here. */

#include <errno.h>
#include <string.h>
#include <kernel/format.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <virtio/transport/vhost_user.h>

/* What we ask for of the protocol. */
#define PROTOCOL_WANTED                                                       \
	(VIRTIO_BIT(VHOST_USER_MQ) | VIRTIO_BIT(VHOST_USER_REPLY_ACK) |       \
	 VIRTIO_BIT(VHOST_USER_BACKEND_REQ) | VIRTIO_BIT(VHOST_USER_CONFIG) | \
	 VIRTIO_BIT(VHOST_USER_RESET) | VIRTIO_BIT(VHOST_USER_STATUS))

/* Bits that mean something else here, or that we have no way for: dirty page logging (26),
 * protocol features (30), addresses by an IOMMU's leave, data with a notification. */
#define FEATURES_NOT_OURS                                                              \
	(VIRTIO_BIT(26) | VIRTIO_BIT(VHOST_USER_HAS_PROTOCOL_FEATURES) |               \
	 VIRTIO_BIT(VIRTIO_F_NOTIFY_ON_EMPTY) | VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM) | \
	 VIRTIO_BIT(VIRTIO_F_SR_IOV) | VIRTIO_BIT(VIRTIO_F_NOTIFICATION_DATA) |        \
	 VIRTIO_BIT(VIRTIO_F_NOTIF_CONFIG_DATA) | VIRTIO_BIT(VIRTIO_F_ADMIN_VQ))

/* A payload. */
struct config_space {
	uint32_t offset, bytes, flags;
	uint8_t data[VHOST_USER_CONFIG_BYTES];
};
#define CONFIG_HEADER_BYTES offsetof(struct config_space, data)

/* A queue reset is a ring that is stopped and started: the back end need not know of the
 * feature. */
static void features_get(struct virtio_device *device, struct virtio_features *offered)
{
	struct vhost_user *self = vhost_user(device);
	uint64_t features = self->features & ~FEATURES_NOT_OURS;

	if (!vhost_user_has(self, VHOST_USER_CONFIG))
		features &= ~self->description.front_end_features;
	*offered = (struct virtio_features){ { features |
					       VIRTIO_BIT(VIRTIO_F_RING_RESET) } };
}

static void features_set(struct virtio_device *device,
			 const struct virtio_features *accepted)
{
	struct vhost_user *self = vhost_user(device);
	uint64_t own = VIRTIO_BIT(VHOST_USER_HAS_PROTOCOL_FEATURES);

	self->features_refused = vhost_user_set_u64(self, VHOST_USER_SET_FEATURES,
						    (accepted->words[0] | own) &
							    self->features) != 0;
}

static uint8_t status_get(struct virtio_device *device)
{
	struct vhost_user *self = vhost_user(device);
	uint64_t status = self->status;

	if (self->gone)
		return 0xff;
	if (vhost_user_has(self, VHOST_USER_STATUS) &&
	    vhost_user_get_u64(self, VHOST_USER_GET_STATUS, &status))
		return 0xff;
	if (self->features_refused)
		status &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
	return (uint8_t)status;
}

static void status_set(struct virtio_device *device, uint8_t status)
{
	struct vhost_user *self = vhost_user(device);

	self->status = status;
	if (vhost_user_has(self, VHOST_USER_STATUS))
		vhost_user_set_u64(self, VHOST_USER_SET_STATUS, status);
}

/* A back end that is gone may still have our memory mapped: that is no confirmed reset. */
static int reset(struct virtio_device *device)
{
	struct vhost_user *self = vhost_user(device);
	int error = self->gone ? -ENODEV : 0;

	for (unsigned i = 0; i < self->queue_count && !error; i++)
		error = vhost_user_stop(self, &self->queues[i]);
	self->status = 0;
	if (!error && vhost_user_has(self, VHOST_USER_STATUS))
		error = vhost_user_set_u64(self, VHOST_USER_SET_STATUS, 0);
	else if (!error && vhost_user_has(self, VHOST_USER_RESET))
		error = vhost_user_set(self, VHOST_USER_RESET_DEVICE, NULL, 0, NULL, 0);
	return error;
}

/* Always from the beginning on: there are back ends that ignore the offset. What was read
 * before and is not the same now is a change that nobody told of. */
static bool config_fetch(struct vhost_user *self, unsigned bytes)
{
	struct config_space space = { 0, bytes, 0, { 0 } };
	uint32_t all = (uint32_t)(CONFIG_HEADER_BYTES + bytes);
	unsigned known = self->config_bytes < bytes ? self->config_bytes : bytes;

	if (vhost_user_get(self, VHOST_USER_GET_CONFIG, &space, all, &space, all))
		return false;
	if (space.bytes != bytes) /* it has less than that */
		return false;
	if (memcmp(self->config, space.data, known) != 0)
		self->generation++;
	memcpy(self->config, space.data, bytes);
	if (self->config_bytes < bytes)
		self->config_bytes = bytes;
	return true;
}

/* Beyond the end: 0. */
static uint32_t config_read(struct virtio_device *device, unsigned offset, unsigned width)
{
	struct vhost_user *self = vhost_user(device);
	bool theirs = vhost_user_has(self, VHOST_USER_CONFIG);
	uint32_t value = 0;

	if (offset + width > VHOST_USER_CONFIG_BYTES ||
	    (theirs && !config_fetch(self, offset + width)) ||
	    (!theirs && offset + width > self->config_bytes))
		return 0;
	memcpy(&value, self->config + offset, width);
	return value;
}

static void config_write(struct virtio_device *device, unsigned offset, unsigned width,
			 uint32_t value)
{
	struct vhost_user *self = vhost_user(device);
	struct config_space space = { offset, width, 0, { 0 } };

	memcpy(space.data, &value, width);
	if (vhost_user_has(self, VHOST_USER_CONFIG))
		vhost_user_set(self, VHOST_USER_SET_CONFIG, &space,
			       (uint32_t)(CONFIG_HEADER_BYTES + width), NULL, 0);
	else if (offset + width <= self->config_bytes)
		memcpy(self->config + offset, &value, width);
}

static uint32_t config_generation(struct virtio_device *device)
{
	return vhost_user(device)->generation;
}

void vhost_user_config_changed(struct vhost_user *self)
{
	self->generation++;
	virtio_interrupt_config(&self->device);
}

static unsigned queue_size(struct virtio_device *device, unsigned index)
{
	const struct vhost_user *self = vhost_user(device);

	return index < self->queue_limit ? self->description.queue_size : 0;
}

/* Nobody knows the device any more. */
static void release(struct virtio_device *device)
{
	struct vhost_user *self = vhost_user(device);

	vhost_user_disconnect(self);
	kfree(self);
}

static const struct virtio_transport transport = {
	.name = "vhost-user",
	.features_get = features_get,
	.features_set = features_set,
	.status_get = status_get,
	.status_set = status_set,
	.reset = reset,
	.config_read = config_read,
	.config_write = config_write,
	.config_generation = config_generation,
	.queue_size = queue_size,
	.queue_enable = vhost_user_queue_enable,
	.queue_reset = vhost_user_queue_reset,
	.notify = vhost_user_notify,
	.interrupts_attach = vhost_user_interrupts_attach,
	.interrupts_detach = vhost_user_interrupts_detach,
	.release = release,
};

/* What both ends can do, before the device is anybody's. */
static int agree(struct vhost_user *self)
{
	uint64_t offered = 0, queues = self->description.queues;
	int error = vhost_user_get_u64(self, VHOST_USER_GET_FEATURES, &self->features);

	if (!error && self->features & VIRTIO_BIT(VHOST_USER_HAS_PROTOCOL_FEATURES)) {
		error = vhost_user_get_u64(self, VHOST_USER_GET_PROTOCOL_FEATURES,
					   &offered);
		offered &= PROTOCOL_WANTED;
		if (!error)
			error = vhost_user_set_u64(self, VHOST_USER_SET_PROTOCOL_FEATURES,
						   offered);
		self->protocol = offered;
	}
	if (!error && vhost_user_has(self, VHOST_USER_MQ)) {
		error = vhost_user_get_u64(self, VHOST_USER_GET_QUEUE_NUM, &queues);
		if (queues < VHOST_USER_QUEUES_MAX)
			queues *= self->description.queues_each;
	}
	self->queue_limit = queues < VHOST_USER_QUEUES_MAX ? (unsigned)queues
							   : VHOST_USER_QUEUES_MAX;
	if (!error)
		error = vhost_user_set(self, VHOST_USER_SET_OWNER, NULL, 0, NULL, 0);
	if (!error && vhost_user_has(self, VHOST_USER_BACKEND_REQ))
		error = vhost_user_open_back(self);
	return error;
}

int vhost_user_add(const struct vhost_user_description *description)
{
	struct vhost_user *self = kzalloc(sizeof(*self));
	int error;

	if (!self) {
		log_error("vhost-user: %s: no memory for it", description->socket);
		return -ENOMEM;
	}
	self->description = *description;
	self->device.id = description->device_id;
	self->device.transport = &transport;
	self->device.interrupts = "none";
	memcpy(self->config, description->config, sizeof(self->config));
	self->config_bytes = description->config_bytes;
	format(self->device.where, sizeof(self->device.where), "vhost-user");
	error = vhost_user_connect(self);
	if (!error)
		error = agree(self);
	if (error) {
		log_error("vhost-user: %s cannot be used (error %d)", description->socket,
			  -error);
		vhost_user_disconnect(self);
		kfree(self);
		return error;
	}
	self->added = true;
	return virtio_device_add(&self->device);
}
