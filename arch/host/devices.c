/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The machine's devices, as the command line names them: vhost-user=TYPE=SOCKET[,OPTION…].
 * What the protocol leaves to the front end of a type is said here. */

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <kernel/cmdline.h>
#include <kernel/heap.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <virtio/transport/vhost_user.h>

static const struct cmdline_key key = {
	"vhost-user",
	"TYPE=SOCKET[,size=N][,queues=N][,tag=NAME]: a device (blk, net, fs, ...) whose back "
	"end listens there",
	NULL,
};
LINKSET_ENTRY(cmdline_keys, key);

#define SIZE_DEFAULT 256
#define SIZE_MOST    32768 /* VIRTIO 1.3 §2.7 */

/* Features of a network card that its configuration or control queue gives meaning to
 * (VIRTIO 1.3 §5.1.3): MTU, MAC, STATUS, CTRL_VQ to CTRL_MAC_ADDR, and those from
 * NOTF_COAL on but for the segmentation offloads. */
#define NET_FRONT_END                                                        \
	(VIRTIO_BIT(3) | VIRTIO_BIT(5) | VIRTIO_BIT(16) | VIRTIO_BIT(17) |   \
	 VIRTIO_BIT(18) | VIRTIO_BIT(19) | VIRTIO_BIT(20) | VIRTIO_BIT(21) | \
	 VIRTIO_BIT(22) | VIRTIO_BIT(23) | VIRTIO_BIT(52) | VIRTIO_BIT(53) | \
	 VIRTIO_BIT(57) | VIRTIO_BIT(60) | VIRTIO_BIT(61) | VIRTIO_BIT(62) | \
	 VIRTIO_BIT(63))

static const struct type {
	const char *name;
	uint32_t device_id;
	unsigned queues, queues_each;
	uint64_t front_end_features;
} types[] = {
	{ "blk", VIRTIO_ID_BLOCK, 1, 1, 0 },
	{ "net", VIRTIO_ID_NET, 2, 2, NET_FRONT_END },
	{ "console", VIRTIO_ID_CONSOLE, 2, 1, 0 },
	{ "rng", VIRTIO_ID_ENTROPY, 1, 1, 0 },
	{ "scsi", VIRTIO_ID_SCSI, 3, 1, 0 },
	{ "vsock", VIRTIO_ID_VSOCK, 3, 1, 0 },
	{ "fs", VIRTIO_ID_FS, 2, 1, 0 },
};

/* The configuration of a file system device (§5.11.4): its tag, and one request queue. */
#define FS_TAG_BYTES 36
struct fs_config {
	char tag[FS_TAG_BYTES];
	uint32_t request_queues;
};

static const struct type *find_type(const char *name, size_t length)
{
	for (const struct type *each = types;
	     each < types + sizeof(types) / sizeof(types[0]); each++)
		if (strlen(each->name) == length && memcmp(each->name, name, length) == 0)
			return each;
	return NULL;
}

/* The value of "key=" among options that commas part; *length is what it is long. */
static const char *option(const char *options, const char *name, size_t *length)
{
	size_t name_length = strlen(name);

	for (const char *at = strchr(options, ','); at; at = strchr(at, ',')) {
		at++;
		if (strncmp(at, name, name_length) == 0 && at[name_length] == '=') {
			at += name_length + 1;
			*length = strcspn(at, ",");
			return at;
		}
	}
	return NULL;
}

/* False, with a log line: the value is no such number. */
static bool number(const char *options, const char *name, unsigned most, unsigned *value)
{
	size_t length;
	const char *text = option(options, name, &length);
	char *after;
	unsigned long number;

	if (!text)
		return true;
	number = strtoul(text, &after, 10);
	if (after != text + length || number == 0 || number > most) {
		log_error("vhost-user: %s=%.*s is no number from 1 to %u", name,
			  (int)length, text, most);
		return false;
	}
	*value = (unsigned)number;
	return true;
}

static bool fs_configure(struct vhost_user_description *description, const char *options)
{
	struct fs_config config = { { 0 }, description->queues - 1 };
	size_t length;
	const char *tag = option(options, "tag", &length);

	if (!tag || length == 0 || length > FS_TAG_BYTES) {
		log_error("vhost-user: fs: a tag of 1 to %d bytes is wanted (,tag=NAME)",
			  FS_TAG_BYTES);
		return false;
	}
	memcpy(config.tag, tag, length);
	memcpy(description->config, &config, sizeof(config));
	description->config_bytes = sizeof(config);
	return true;
}

static void add(const char *text)
{
	const char *path = strchr(text, '=');
	const struct type *type = path ? find_type(text, (size_t)(path - text)) : NULL;
	struct vhost_user_description description;
	char *socket;

	if (!type || !path[1] || path[1] == ',') {
		log_error("vhost-user: %s is no TYPE=SOCKET; a type is one of blk, net, "
			  "console, rng, scsi, vsock, fs",
			  text);
		return;
	}
	path++;
	socket = kzalloc(strlen(path) + 1); /* for good: the device refers to it */
	if (!socket) {
		log_error("vhost-user: %s: no memory for it", text);
		return;
	}
	memcpy(socket, path, strcspn(path, ","));
	description = (struct vhost_user_description){
		.socket = socket,
		.device_id = type->device_id,
		.queue_size = SIZE_DEFAULT,
		.queues = type->queues,
		.queues_each = type->queues_each,
		.front_end_features = type->front_end_features,
	};
	if (!number(path, "size", SIZE_MOST, &description.queue_size) ||
	    !number(path, "queues", VHOST_USER_QUEUES_MAX, &description.queues) ||
	    (type->device_id == VIRTIO_ID_FS && !fs_configure(&description, path)))
		return;
	if (!virtio_driver_linked(type->device_id))
		log_warn("vhost-user: this program uses no device of the type %s",
			 type->name);
	vhost_user_add(&description); /* it reports what fails */
}

static void add_all(void)
{
	const char *text;

	for (unsigned i = 0; (text = cmdline_value("vhost-user", i)); i++)
		add(text);
}
INIT_CALL(INIT_BUS, add_all);

/* Linked in with the first driver (transports.c). */
const void *const host_devices = &key;
