/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: the control queue (VIRTIO 1.3 §5.1.6.5). One command at a time [NET-22]; a
 * device that does not answer costs its caller a second, and is reset then [NET-23]. */

#include <errno.h>
#include <string.h>
#include <kernel/page.h>
#include <kernel/time.h>
#include <virtio/device/net.h>

enum { MAC_ADDR_SET = 1 };

#define ACK_OK	      0
#define ACK_UNWRITTEN 0xff /* ours */
#define ANSWER_NS     NS_PER_SEC

/* Places in the command page. */
#define AT_HEAD	   0 /* class, command: driver writes */
#define AT_ACK	   8 /* device writes */
#define AT_RESULT  16
#define RESULT_MAX 32
#define AT_DATA	   (PAGE_BYTES - NET_COMMAND_DATA_MAX)

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

void net_control_free(struct ferrule_net *net)
{
	if (net->command_phys)
		page_free(net->command_phys, 0);
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

/* The command that is out, if one is, has no answer and will get none. It may have been
 * done or not: its caller, who is told so by -EIO, says it again or not. What the parts of
 * the driver know is what was acknowledged. */
void net_control_lose(struct ferrule_net *net)
{
	unsigned long flags = spin_lock(&net->control_lock);

	if (net->control_out)
		__atomic_fetch_add(&net->control_losses, 1, __ATOMIC_RELEASE);
	net->control_out = false;
	net->control_written = 0;
	spin_unlock(&net->control_lock, flags);
	wait_wake(&net->answers, WAKE_ALL, 0);
}

static bool is_out(struct ferrule_net *net)
{
	return __atomic_load_n(&net->control_out, __ATOMIC_ACQUIRE);
}

/* Exposes class and command, the data in two parts (the second may be empty), the ack:
 * what legacy framing asks for, too [NET-35]. */
static int expose(struct ferrule_net *net, uint32_t first_bytes, uint32_t second_bytes,
		  uint32_t result_bytes)
{
	struct virtio_piece pieces[5] = {
		{ net->command_phys + AT_HEAD, 2 },
		{ net->command_phys + AT_DATA, first_bytes },
		{ net->command_phys + AT_DATA + first_bytes, second_bytes },
	};
	unsigned readable = 1 + (first_bytes > 0) + (second_bytes > 0);
	unsigned long flags = spin_lock(&net->control_lock);
	int error = net_trouble(net) & NET_FAILED ? net_trouble_error(net) : 0;

	pieces[readable] = (struct virtio_piece){ net->command_phys + AT_ACK, 1 };
	pieces[readable + 1] = (struct virtio_piece){ net->command_phys + AT_RESULT,
						      result_bytes };
	if (!error)
		error = virtqueue_add(net->control, pieces, readable,
				      result_bytes ? 2 : 1, net);
	if (!error) {
		net->control_out = true;
		virtqueue_kick(net->control);
	}
	spin_unlock(&net->control_lock, flags);
	return error;
}

static int await_answer(struct ferrule_net *net)
{
	uint64_t deadline = clock_ns() + ANSWER_NS;
	bool in_time = true;
	struct wait wait;
	uint8_t ack;

	wait_begin(&net->answers, &wait);
	while (is_out(net) && in_time && !(net_trouble(net) & NET_FAILED))
		in_time = wait_sleep(&wait, deadline);
	wait_end(&wait);
	if (net_trouble(net) & NET_FAILED)
		return net_trouble_error(net);
	if (is_out(net)) {
		virtio_device_break(net->device, "its control queue does not answer");
		return -ETIMEDOUT;
	}
	if (!net->control_written && !net->device->transport->legacy)
		return -EIO; /* legacy: the used length means nothing [NET-36] */
	ack = *(volatile uint8_t *)&net->command[AT_ACK];
	return ack == ACK_OK ? 0 : -EIO;
}

int net_command_begin(struct ferrule_net *net, unsigned feature)
{
	if (net->info.removed)
		return -ENODEV;
	if (!net->control || !virtio_has(net->device, feature))
		return -ENOTSUP;
	mutex_lock(&net->control_mutex);
	if (!(net_trouble(net) & NET_FAILED) && !is_out(net))
		return 0;
	mutex_unlock(&net->control_mutex);
	return net_trouble_error(net);
}

void net_command_end(struct ferrule_net *net)
{
	mutex_unlock(&net->control_mutex);
}

uint8_t *net_command_data(struct ferrule_net *net)
{
	return net->command + AT_DATA;
}

static int run(struct ferrule_net *net, uint8_t class, uint8_t what, uint32_t first_bytes,
	       uint32_t second_bytes, uint32_t result_bytes)
{
	int error;

	net->command[AT_HEAD] = class;
	net->command[AT_HEAD + 1] = what;
	*(volatile uint8_t *)&net->command[AT_ACK] = ACK_UNWRITTEN;
	error = expose(net, first_bytes, second_bytes, result_bytes);
	return error ? error : await_answer(net);
}

int net_command_run(struct ferrule_net *net, uint8_t class, uint8_t what,
		    uint32_t first_bytes, uint32_t second_bytes)
{
	return run(net, class, what, first_bytes, second_bytes, 0);
}

int net_command_ask(struct ferrule_net *net, uint8_t class, uint8_t what,
		    uint32_t data_bytes, void *result, uint32_t result_bytes)
{
	int error = result_bytes > RESULT_MAX ? -EINVAL : 0;

	if (!error)
		error = run(net, class, what, data_bytes, 0, result_bytes);
	if (!error && net->control_written < 1 + result_bytes)
		error = -EIO;
	if (!error)
		memcpy(result, net->command + AT_RESULT, result_bytes);
	return error;
}

int net_command(struct ferrule_net *net, unsigned feature, uint8_t class, uint8_t what,
		const void *data, uint32_t bytes)
{
	int error = net_command_begin(net, feature);

	if (error)
		return error;
	if (bytes)
		memcpy(net_command_data(net), data, bytes);
	error = net_command_run(net, class, what, bytes, 0);
	net_command_end(net);
	return error;
}

int net_mac_configure(struct ferrule_net *net)
{
	if (!net->mac_set)
		return 0;
	return ferrule_net_set_mac(net, net->info.mac);
}

/* [NET-26] */
int ferrule_net_set_mac(struct ferrule_net *net, const uint8_t mac[6])
{
	int error;

	if (mac[0] & 1)
		return -EINVAL;
	if (net_trouble(net) & NET_FAILED)
		return net_trouble_error(net);
	error = net_command(net, VIRTIO_NET_F_CTRL_MAC_ADDR, NET_CLASS_MAC, MAC_ADDR_SET,
			    mac, 6);
	if (error == -ENOTSUP && net->device->transport->legacy &&
	    virtio_has(net->device, VIRTIO_NET_F_MAC)) {
		/* §5.1.4.3: the legacy field can be written [NET-37]. */
		for (unsigned i = 0; i < 6; i++)
			virtio_config_write8(net->device, NET_CONFIG_MAC + i, mac[i]);
		error = 0;
	}
	if (!error) {
		memmove(net->info.mac, mac, 6);
		net->mac_set = true;
	}
	return error;
}
