/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: receive modes and the filters of addresses (VIRTIO 1.3 §5.1.6.5.1,
 * §5.1.6.5.2). */

#include <string.h>
#include <kernel/heap.h>
#include <virtio/device/net.h>

enum { MAC_TABLE_SET = 0 };
enum { UNICAST, MULTICAST, LISTS };

#define ADDRESS_BYTES 6
#define COUNT_BYTES   sizeof(uint32_t)
#define TABLE_MAX     ((NET_COMMAND_DATA_MAX - 2 * COUNT_BYTES) / ADDRESS_BYTES)

struct address_list {
	uint8_t (*addresses)[ADDRESS_BYTES];
	unsigned count;
};

struct net_filter {
	uint8_t modes; /* 1 << enum ferrule_net_mode: those that are on */
	bool listed;   /* the lists were set */
	bool overflow; /* more groups than fit: all of them come in */
	struct address_list lists[LISTS];
};

/* What the card was told; made with the first call. Under control_mutex. */
static struct net_filter *filter_of(struct ferrule_net *net)
{
	if (!net->filter)
		net->filter = kzalloc(sizeof(*net->filter));
	return net->filter;
}

/* enum ferrule_net_mode is in the order of the commands; the last four came later, with a
 * feature of their own [NET-24]. */
static unsigned mode_feature(enum ferrule_net_mode mode)
{
	return mode <= FERRULE_NET_ALL_MULTICAST ? VIRTIO_NET_F_CTRL_RX
						 : VIRTIO_NET_F_CTRL_RX_EXTRA;
}

/* Under control_mutex. */
static int send_mode(struct ferrule_net *net, enum ferrule_net_mode mode, bool on)
{
	*net_command_data(net) = on;
	return net_command_run(net, NET_CLASS_RX, (uint8_t)mode, 1, 0);
}

int ferrule_net_set_mode(struct ferrule_net *net, enum ferrule_net_mode mode, bool on)
{
	int error;

	if ((unsigned)mode >= FERRULE_NET_MODES)
		return -EINVAL;
	error = net_command_begin(net, mode_feature(mode));
	if (error)
		return error;
	error = filter_of(net) ? send_mode(net, mode, on) : -ENOMEM;
	if (!error && on)
		net->filter->modes |= (uint8_t)(1 << mode);
	else if (!error)
		net->filter->modes &= (uint8_t) ~(1 << mode);
	net_command_end(net);
	return error;
}

int ferrule_net_set_promiscuous(struct ferrule_net *net, bool on)
{
	return ferrule_net_set_mode(net, FERRULE_NET_PROMISCUOUS, on);
}

static uint32_t put_list(uint8_t *to, const struct address_list *list)
{
	uint32_t count = list->count;

	memcpy(to, &count, COUNT_BYTES);
	if (count)
		memcpy(to + COUNT_BYTES, list->addresses, (size_t)count * ADDRESS_BYTES);
	return (uint32_t)COUNT_BYTES + count * ADDRESS_BYTES;
}

/* Always both tables, in a descriptor each [NET-25]. Under control_mutex. */
static int send_lists(struct ferrule_net *net, const struct address_list *lists)
{
	uint8_t *data = net_command_data(net);
	uint32_t first = put_list(data, &lists[UNICAST]);
	uint32_t second = put_list(data + first, &lists[MULTICAST]);

	return net_command_run(net, NET_CLASS_MAC, MAC_TABLE_SET, first, second);
}

/* More addresses than fit a command: those beyond are better than too few. */
static int set_overflow(struct ferrule_net *net, bool overflow)
{
	enum ferrule_net_mode mode = FERRULE_NET_ALL_MULTICAST;
	int error = 0;

	if (overflow == net->filter->overflow)
		return 0;
	if (overflow || !(net->filter->modes >> mode & 1))
		error = send_mode(net, mode, overflow);
	if (!error)
		net->filter->overflow = overflow;
	return error;
}

static int replace_list(struct ferrule_net *net, unsigned which,
			const struct address_list *fresh)
{
	struct address_list lists[LISTS];
	int error;

	if (!filter_of(net))
		return -ENOMEM;
	memcpy(lists, net->filter->lists, sizeof(lists));
	lists[which] = *fresh;
	if (lists[UNICAST].count + lists[MULTICAST].count > TABLE_MAX) {
		if (which == UNICAST)
			return -ENOSPC;
		lists[MULTICAST].count = 0;
		error = set_overflow(net, true);
	} else {
		error = set_overflow(net, false);
	}
	if (!error)
		error = send_lists(net, lists);
	if (error)
		return error;
	kfree(net->filter->lists[which].addresses);
	net->filter->lists[which] = *fresh;
	net->filter->lists[which].count = lists[which].count;
	net->filter->listed = true;
	return 0;
}

static int set_list(struct ferrule_net *net, unsigned which,
		    const uint8_t (*addresses)[ADDRESS_BYTES], unsigned count)
{
	struct address_list fresh = { .count = count };
	int error;

	if (count > UINT16_MAX)
		return -ENOSPC;
	fresh.addresses = kmalloc((size_t)count * ADDRESS_BYTES + 1);
	if (!fresh.addresses)
		return -ENOMEM;
	if (count)
		memcpy(fresh.addresses, addresses, (size_t)count * ADDRESS_BYTES);
	error = net_command_begin(net, VIRTIO_NET_F_CTRL_RX);
	if (!error) {
		error = replace_list(net, which, &fresh);
		net_command_end(net);
	}
	if (error)
		kfree(fresh.addresses);
	return error;
}

int ferrule_net_set_unicast(struct ferrule_net *net, const uint8_t (*addresses)[6],
			    unsigned count)
{
	return set_list(net, UNICAST, addresses, count);
}

int ferrule_net_set_multicast(struct ferrule_net *net, const uint8_t (*addresses)[6],
			      unsigned count)
{
	return set_list(net, MULTICAST, addresses, count);
}

static int filter_configure(struct ferrule_net *net)
{
	struct net_filter *filter = net->filter;
	uint8_t modes;
	int error;

	if (!filter)
		return 0;
	error = net_command_begin(net, VIRTIO_NET_F_CTRL_VQ);
	if (error)
		return error;
	modes = filter->modes |
		(uint8_t)(filter->overflow ? 1 << FERRULE_NET_ALL_MULTICAST : 0);
	for (unsigned mode = 0; mode < FERRULE_NET_MODES && !error; mode++)
		if (modes >> mode & 1)
			error = send_mode(net, (enum ferrule_net_mode)mode, true);
	if (!error && filter->listed)
		error = send_lists(net, filter->lists);
	net_command_end(net);
	return error;
}

static void filter_forget(struct ferrule_net *net)
{
	if (!net->filter)
		return;
	kfree(net->filter->lists[UNICAST].addresses);
	kfree(net->filter->lists[MULTICAST].addresses);
	kfree(net->filter);
}

static const struct net_part net_filter_part = {
	.features = VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX) |
		    VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX_EXTRA),
	.configure = filter_configure,
	.forget = filter_forget,
};
NET_PART(net_filter_part);
