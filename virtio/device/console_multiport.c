/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-console with several ports: setting up (VIRTIO 1.3 §5.3.2, §5.3.5). Linked in only
 * when an application uses ports. */

#include <errno.h>
#include <string.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <virtio/device/console_control.h>

/* It lives here so that whoever waits for ports brings this file into the program. */
struct wait_queue control_news;

/* Pages for messages; nothing else lies on them. */
static int make_buffers(struct control *control)
{
	control->received_phys = page_alloc(0);
	control->sent_phys = page_alloc(0);
	if (!control->received_phys || !control->sent_phys)
		return -ENOMEM;
	control->received = phys_to_virt(control->received_phys);
	control->sent = phys_to_virt(control->sent_phys);
	memset(control->received, 0, PAGE_BYTES);
	memset(control->sent, 0, PAGE_BYTES);
	control->sent_free = (1u << SEND_BUFFERS) - 1;
	return 0;
}

static void free_buffers(struct control *control)
{
	if (control->received_phys)
		page_free(control->received_phys, 0);
	if (control->sent_phys)
		page_free(control->sent_phys, 0);
}

/* Queues 2 and 3 are the control queues, all others go in pairs a port (§5.3.2)
 * [CON-01]. */
static int find_queues(struct console_device *console, struct control *control)
{
	unsigned count = 2 + 2 * console->port_count;
	struct virtqueue_wanted *wanted = kzalloc(count * sizeof(*wanted));
	struct virtqueue **queues = kzalloc(count * sizeof(*queues));
	int error = wanted && queues ? 0 : -ENOMEM;

	for (unsigned i = 0; !error && i < count; i++) {
		bool output = i & 1, ctrl = i / 2 == 1;

		wanted[i] = (struct virtqueue_wanted){
			.name = ctrl ? (output ? "control-out" : "control-in")
				     : (output ? "output" : "input"),
			.index = i,
			.size_max = ctrl ? RECEIVE_BUFFERS : PORT_INPUT_COUNT,
			.callback = ctrl     ? control_used
				    : output ? port_transmitted
					     : port_received,
			.pieces_max = output && !ctrl ? 2 : 1,
		};
	}
	if (!error)
		error = virtio_find_queues(console->device, wanted, count, queues);
	if (!error) {
		control->receive = queues[2];
		control->transmit = queues[3];
		for (unsigned i = 0; i < console->port_count; i++) {
			struct ferrule_port *port = &console->ports[i];

			port->receive = queues[i ? 2 * i + 2 : 0];
			port->transmit = queues[i ? 2 * i + 3 : 1];
		}
	}
	kfree(wanted);
	kfree(queues);
	return error;
}

static void post_buffers(struct control *control)
{
	control->idle = UINT32_MAX >> (32 - RECEIVE_BUFFERS);
	control_post_idle(control);
	control->greet = true;
}

static int multiport_probe(struct console_device *console)
{
	uint32_t max = virtio_config_read32(console->device, CONSOLE_CONFIG_MAX_NR_PORTS);
	struct control *control = kzalloc(sizeof(*control));
	int error = -ENOMEM;

	/* [CON-10] */
	console->port_count = max < 1 ? 1 : max > PORTS_MAX ? PORTS_MAX : max;
	if (console->port_count < max)
		log_warn("%s: says it has up to %u ports, serving %u",
			 console->device->name, max, console->port_count);
	console->ports = kzalloc(console->port_count * sizeof(*console->ports));
	if (!control || !console->ports)
		goto fail;
	for (unsigned i = 0; i < console->port_count; i++) {
		console->ports[i].id = i;
		console->ports[i].console = console;
	}
	error = make_buffers(control);
	if (!error)
		error = find_queues(console, control);
	if (error)
		goto fail_buffers;
	post_buffers(control);
	console->control = control;
	return 0;
fail_buffers:
	free_buffers(control);
fail:
	kfree(console->ports);
	kfree(control);
	return error;
}

static void multiport_ready(struct console_device *console)
{
	struct control *control = console->control;
	unsigned long flags = spin_lock(&control->lock);
	bool kick = virtqueue_kick_prepare(control->receive);

	spin_unlock(&control->lock, flags);
	if (kick)
		virtqueue_notify(control->receive);
	control_run(console);
}

/* After the reset the host will say again which ports there are, and what they are. */
static void multiport_broken(struct console_device *console)
{
	struct control *control = console->control;
	unsigned long flags = spin_lock(&control->lock);

	control_take_back_received(console);
	control_take_back_sent(console);
	for (unsigned i = 0; i < console->port_count; i++) {
		console->ports[i].present = false;
		console->ports[i].control_pending = console->ports[i].control_doubt = 0;
	}
	spin_unlock(&control->lock, flags);
	wait_wake(&control_news, WAKE_ALL, 0);
}

static int multiport_restore(struct console_device *console)
{
	struct control *control = console->control;
	int error = find_queues(console, control);

	if (!error)
		post_buffers(control);
	return error;
}

static void multiport_queue_broken(struct virtqueue *queue)
{
	struct console_device *console = virtqueue_device(queue)->driver_data;
	struct control *control = console->control;
	unsigned long flags = spin_lock(&control->lock);

	if (queue == control->receive)
		control_take_back_received(console);
	else
		control_take_back_sent(console);
	spin_unlock(&control->lock, flags);
}

/* The host is asked to say all again if some of it may be lost. */
static void multiport_queue_restored(struct virtqueue *queue)
{
	struct console_device *console = virtqueue_device(queue)->driver_data;
	struct control *control = console->control;
	unsigned long flags = spin_lock(&control->lock);

	if (queue == control->receive)
		post_buffers(control);
	spin_unlock(&control->lock, flags);
	multiport_ready(console);
}

const struct console_multiport console_multiport = {
	.probe = multiport_probe,
	.ready = multiport_ready,
	.broken = multiport_broken,
	.restore = multiport_restore,
	.queue_broken = multiport_queue_broken,
	.queue_restored = multiport_queue_restored,
};
