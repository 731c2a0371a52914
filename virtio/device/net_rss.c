/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: receive side scaling and hash reports (VIRTIO 1.3 §5.1.6.5.7, §5.1.6.5.6.4).
 * Without RSS a device that reports hashes is told of them alone [NET-31]. */

#include <string.h>
#include <ferrule/entropy.h>
#include <kernel/heap.h>
#include <virtio/device/net.h>

enum { MQ_RSS_CONFIG = 1, MQ_HASH_CONFIG = 2 };

#define TABLE_MAX	 1024 /* entries that a command has room for, with the key */
#define TABLE_DEFAULT	 128
#define KEY_MAX		 UINT8_MAX
#define KEY_DEFAULT	 40
#define HASH_TYPES_KNOWN 0x1ff

struct net_rss {
	uint32_t types;
	uint16_t entries;
	uint8_t key_bytes;
	uint8_t key[KEY_MAX];
	uint16_t table[TABLE_MAX];
};

static bool has_rss(const struct ferrule_net *net)
{
	return virtio_has(net->device, VIRTIO_NET_F_RSS);
}

/* A largest table that is not a power of two is as good as the next smaller one. */
int ferrule_net_hash_info(struct ferrule_net *net, struct ferrule_net_hash_info *out)
{
	struct virtio_device *device = net->device;
	uint16_t table;

	memset(out, 0, sizeof(*out));
	if (net->info.removed)
		return -ENODEV;
	out->steering = has_rss(net);
	out->reporting = virtio_has(device, VIRTIO_NET_F_HASH_REPORT);
	if (!out->steering && !out->reporting)
		return -ENOTSUP;
	out->types = virtio_config_read32(device, NET_CONFIG_HASH_TYPES) &
		     HASH_TYPES_KNOWN;
	out->key_bytes_max = virtio_config_read8(device, NET_CONFIG_RSS_KEY_MAX);
	if (!out->steering)
		return 0;
	table = virtio_config_read16(device, NET_CONFIG_RSS_TABLE_MAX);
	out->table_max = table < TABLE_MAX ? table : TABLE_MAX;
	while (out->table_max & (out->table_max - 1))
		out->table_max &= (uint16_t)(out->table_max - 1);
	return 0;
}

static void *put(void *to, const void *from, size_t bytes)
{
	memcpy(to, from, bytes);
	return (uint8_t *)to + bytes;
}

/* struct virtio_net_rss_config; what does not fit a device that only reports is the four
 * reserved fields of struct virtio_net_hash_config, in the same place. */
static uint32_t put_config(uint8_t *data, const struct ferrule_net *net,
			   const struct net_rss *rss)
{
	bool steering = has_rss(net);
	uint16_t mask = steering ? (uint16_t)(rss->entries - 1) : 0;
	uint16_t unclassified = 0, pairs = steering ? (uint16_t)net->pairs : 0;
	uint16_t none = 0;
	uint8_t *at = put(data, &rss->types, sizeof(rss->types));

	at = put(at, &mask, sizeof(mask));
	at = put(at, &unclassified, sizeof(unclassified));
	if (steering)
		at = put(at, rss->table, rss->entries * sizeof(rss->table[0]));
	else
		at = put(at, &none, sizeof(none));
	at = put(at, &pairs, sizeof(pairs));
	*at++ = rss->key_bytes;
	at = put(at, rss->key, rss->key_bytes);
	return (uint32_t)(at - data);
}

static int send_config(struct ferrule_net *net, const struct net_rss *rss)
{
	bool steering = has_rss(net);
	int error = net_command_begin(net, steering ? VIRTIO_NET_F_RSS
						    : VIRTIO_NET_F_HASH_REPORT);
	uint32_t bytes;

	if (error)
		return error;
	bytes = put_config(net_command_data(net), net, rss);
	error = net_command_run(net, NET_CLASS_MQ,
				steering ? MQ_RSS_CONFIG : MQ_HASH_CONFIG, bytes, 0);
	/* It has been told the number of transmit queues with it [NET-29]. */
	if (!error && steering)
		__atomic_store_n(&net->tx_pairs, net->pairs, __ATOMIC_RELAXED);
	net_command_end(net);
	return error;
}

/* [NET-30] */
static bool is_supported(const struct ferrule_net *net,
			 const struct ferrule_net_hash_info *info, uint32_t types,
			 unsigned key_bytes, const uint16_t *table, unsigned entries)
{
	if ((types & ~info->types) || key_bytes > info->key_bytes_max)
		return false;
	if (!table)
		return true;
	if (!entries || entries > info->table_max || (entries & (entries - 1)))
		return false;
	for (unsigned i = 0; i < entries; i++)
		if (table[i] >= net->pairs)
			return false;
	return true;
}

static void fill(struct net_rss *rss, const struct ferrule_net *net,
		 const struct ferrule_net_hash_info *info, const uint8_t *key,
		 const uint16_t *table)
{
	if (key)
		memcpy(rss->key, key, rss->key_bytes);
	else
		ferrule_entropy_read(rss->key, rss->key_bytes);
	if (table) {
		memcpy(rss->table, table, rss->entries * sizeof(*table));
		return;
	}
	rss->entries = info->table_max < TABLE_DEFAULT ? info->table_max : TABLE_DEFAULT;
	if (!rss->entries)
		rss->entries = 1;
	for (unsigned i = 0; i < rss->entries; i++)
		rss->table[i] = (uint16_t)(i % net->pairs);
}

int ferrule_net_set_hash(struct ferrule_net *net, uint32_t types, const uint8_t *key,
			 unsigned key_bytes, const uint16_t *table, unsigned entries)
{
	struct ferrule_net_hash_info info;
	struct net_rss *rss;
	int error = ferrule_net_hash_info(net, &info);

	if (error)
		return error;
	if (!key)
		key_bytes = info.key_bytes_max < KEY_DEFAULT ? info.key_bytes_max
							     : KEY_DEFAULT;
	if (!is_supported(net, &info, types, key_bytes, table, entries))
		return -EINVAL;
	rss = kzalloc(sizeof(*rss));
	if (!rss)
		return -ENOMEM;
	rss->types = types;
	rss->key_bytes = (uint8_t)key_bytes;
	rss->entries = (uint16_t)entries;
	fill(rss, net, &info, key, table);
	error = send_config(net, rss);
	if (error) {
		kfree(rss);
		return error;
	}
	mutex_lock(&net->control_mutex);
	kfree(net->rss);
	net->rss = rss;
	mutex_unlock(&net->control_mutex);
	return 0;
}

/* Where there is no other way to use several queues, this is the way. */
static int rss_configure(struct ferrule_net *net)
{
	struct ferrule_net_hash_info info;

	if (net->rss)
		return send_config(net, net->rss);
	if (net->pairs < 2 || virtio_has(net->device, VIRTIO_NET_F_MQ) ||
	    ferrule_net_hash_info(net, &info))
		return 0;
	return ferrule_net_set_hash(net, info.types, NULL, 0, NULL, 0);
}

static void rss_forget(struct ferrule_net *net)
{
	kfree(net->rss);
}

static const struct net_part net_rss_part = {
	.features = VIRTIO_BIT(VIRTIO_NET_F_RSS) | VIRTIO_BIT(VIRTIO_NET_F_HASH_REPORT),
	.configure = rss_configure,
	.forget = rss_forget,
};
NET_PART(net_rss_part);
