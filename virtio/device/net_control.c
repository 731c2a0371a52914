/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: the control queue (VIRTIO 1.3 §5.1.6.5). One command at a time; a device
 * that does not answer costs its caller a second, and further commands nothing. */

#include <errno.h>
#include <string.h>
#include <kernel/page.h>
#include <kernel/time.h>
#include <virtio/device/net.h>

enum control_class { CLASS_RX = 0, CLASS_MAC = 1 };
enum control_rx { RX_PROMISC = 0, RX_ALLMULTI = 1 };
enum control_mac { MAC_TABLE_SET = 0, MAC_ADDR_SET = 1 };

#define ACK_OK	      0
#define ACK_UNWRITTEN 0xff /* ours */
#define ANSWER_NS     NS_PER_SEC

/* Places in the command page. */
#define AT_HEAD	  0 /* class, command: driver writes */
#define AT_ACK	  8 /* device writes */
#define AT_DATA	  64
#define DATA_MAX  (PAGE_BYTES - AT_DATA)
#define TABLE_MAX ((DATA_MAX - 2 * sizeof(uint32_t)) / 6)

int net_control_prepare(struct ferrule_net *net)
{
	if (!net->control)
		return 0;
	net->command_phys = page_alloc(0);
	if (!net->command_phys)
		return -ENOMEM;
	net->command = phys_to_virt(net->command_phys);
	memset(net->command, 0, PAGE_BYTES);
	return 0;
}

void net_control_used(struct virtqueue *queue)
{
	struct ferrule_net *net = virtqueue_device(queue)->driver_data;
	unsigned long flags = spin_lock(&net->control_lock);
	uint32_t written;

	do {
		virtqueue_disable_cb(queue);
		while (virtqueue_get(queue, &written)) {
			net->control_out = false;
			net->control_written = written;
		}
	} while (!virtqueue_enable_cb(queue) && !virtqueue_broken(queue));
	spin_unlock(&net->control_lock, flags);
	wait_wake(&net->answers, WAKE_ALL, 0);
}

static bool is_out(struct ferrule_net *net)
{
	return __atomic_load_n(&net->control_out, __ATOMIC_ACQUIRE);
}

/* Exposes class and command, the data in two parts (the second may be empty), the ack. */
static int expose(struct ferrule_net *net, uint32_t first_bytes, uint32_t second_bytes)
{
	struct virtio_piece pieces[4] = {
		{ net->command_phys + AT_HEAD, 2 },
		{ net->command_phys + AT_DATA, first_bytes },
		{ net->command_phys + AT_DATA + first_bytes, second_bytes },
	};
	unsigned readable = second_bytes ? 3 : 2;
	unsigned long flags = spin_lock(&net->control_lock);
	bool kick = false;
	int error;

	pieces[readable] = (struct virtio_piece){ net->command_phys + AT_ACK, 1 };
	error = virtqueue_add(net->control, pieces, readable, 1, net);
	if (!error) {
		net->control_out = true;
		kick = virtqueue_kick_prepare(net->control);
	}
	spin_unlock(&net->control_lock, flags);
	if (kick)
		virtqueue_notify(net->control);
	return error;
}

static int await_answer(struct ferrule_net *net)
{
	uint64_t deadline = clock_ns() + ANSWER_NS;
	bool in_time = true;
	struct wait wait;
	uint8_t ack;

	wait_begin(&net->answers, &wait);
	while (is_out(net) && in_time && !net->failed)
		in_time = wait_sleep(&wait, deadline);
	wait_end(&wait);
	if (is_out(net))
		return net->failed ? -EIO : -ETIMEDOUT;
	ack = *(volatile uint8_t *)&net->command[AT_ACK];
	if (!net->control_written && !net->device->transport->legacy)
		return -EIO; /* legacy: the used length means nothing (§5.1.6.5) */
	return ack == ACK_OK ? 0 : -EIO;
}

/* Sends what stands at AT_DATA. Under control_mutex, with the page ours. */
static int command(struct ferrule_net *net, enum control_class class, uint8_t what,
		   uint32_t first_bytes, uint32_t second_bytes)
{
	int error;

	net->command[AT_HEAD] = (uint8_t) class;
	net->command[AT_HEAD + 1] = what;
	*(volatile uint8_t *)&net->command[AT_ACK] = ACK_UNWRITTEN;
	error = expose(net, first_bytes, second_bytes);
	return error ? error : await_answer(net);
}

/* Takes the command page, if the device can do it and does not still hold the page. */
static int begin(struct ferrule_net *net, unsigned feature)
{
	if (!net->control || !virtio_has(net->device, feature))
		return -ENOTSUP;
	mutex_lock(&net->control_mutex);
	if (!net->failed && !is_out(net))
		return 0;
	mutex_unlock(&net->control_mutex);
	return -EIO;
}

static int set_mode(struct ferrule_net *net, enum control_rx mode, bool on)
{
	int error = begin(net, VIRTIO_NET_F_CTRL_RX);

	if (error)
		return error;
	net->command[AT_DATA] = on;
	error = command(net, CLASS_RX, (uint8_t)mode, 1, 0);
	mutex_unlock(&net->control_mutex);
	return error;
}

int ferrule_net_set_promiscuous(struct ferrule_net *net, bool on)
{
	return set_mode(net, RX_PROMISC, on);
}

int ferrule_net_set_multicast(struct ferrule_net *net, const uint8_t (*addresses)[6],
			      unsigned count)
{
	uint32_t table = count;
	int error;

	/* More than fit: all of them, and what else comes, is better than too few. */
	if (count > TABLE_MAX)
		return set_mode(net, RX_ALLMULTI, true);
	error = begin(net, VIRTIO_NET_F_CTRL_RX);
	if (error)
		return error;
	/* Both tables, the unicast one empty (§5.1.6.5.2). */
	memset(net->command + AT_DATA, 0, sizeof(uint32_t));
	memcpy(net->command + AT_DATA + sizeof(uint32_t), &table, sizeof(table));
	memcpy(net->command + AT_DATA + 2 * sizeof(uint32_t), addresses, count * 6);
	error = command(net, CLASS_MAC, MAC_TABLE_SET, sizeof(uint32_t),
			(uint32_t)sizeof(uint32_t) + count * 6);
	mutex_unlock(&net->control_mutex);
	return error;
}

int ferrule_net_set_mac(struct ferrule_net *net, const uint8_t mac[6])
{
	bool writable = net->device->transport->legacy &&
			virtio_has(net->device, VIRTIO_NET_F_MAC);
	int error;

	if (mac[0] & 1)
		return -EINVAL;
	error = begin(net, VIRTIO_NET_F_CTRL_MAC_ADDR);
	if (!error) {
		memcpy(net->command + AT_DATA, mac, 6);
		error = command(net, CLASS_MAC, MAC_ADDR_SET, 6, 0);
		mutex_unlock(&net->control_mutex);
	} else if (error == -ENOTSUP && writable) {
		/* §5.1.4.3: the legacy field can be written. */
		for (unsigned i = 0; i < 6; i++)
			virtio_config_write8(net->device, NET_CONFIG_MAC + i, mac[i]);
		error = 0;
	}
	if (!error)
		memcpy(net->info.mac, mac, 6);
	return error;
}
