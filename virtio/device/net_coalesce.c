/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: fewer notifications (VIRTIO 1.3 §5.1.6.5.9).
 *
 * The default is the device's: none is held back. Nothing here adapts: notifications are
 * moderated by not asking for them, with the ring's own means [NET-34]. */

#include <string.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <virtio/device/net.h>

enum { TX_SET = 0, RX_SET = 1, VQ_SET = 2, VQ_GET = 3 };

struct vq_parameters {
	uint16_t index, reserved;
	struct ferrule_net_coalescing parameters;
};
_Static_assert(sizeof(struct vq_parameters) == 12, "§5.1.6.5.9");

/* What was set, for all queues of a direction and then for single ones. */
struct net_coalesce {
	bool all_set[2], set[2 * NET_PAIRS_MAX];
	struct ferrule_net_coalescing all[2], each[2 * NET_PAIRS_MAX];
};

/* Queues are numbered by pair in the interface, and one by one to the device; only those
 * that are enabled may be named [NET-33]. With the command page, as the next. */
static int send_one(struct ferrule_net *net, uint16_t index,
		    const struct ferrule_net_coalescing *parameters)
{
	struct vq_parameters data = { .index = index, .parameters = *parameters };

	memcpy(net_command_data(net), &data, sizeof(data));
	return net_command_run(net, NET_CLASS_COALESCE, VQ_SET, sizeof(data), 0);
}

static int send_all(struct ferrule_net *net, bool transmit,
		    const struct ferrule_net_coalescing *parameters)
{
	memcpy(net_command_data(net), parameters, sizeof(*parameters));
	return net_command_run(net, NET_CLASS_COALESCE, transmit ? TX_SET : RX_SET,
			       sizeof(*parameters), 0);
}

static void note_all(struct net_coalesce *state, bool transmit,
		     const struct ferrule_net_coalescing *parameters)
{
	state->all_set[transmit] = true;
	state->all[transmit] = *parameters;
	for (unsigned i = transmit; i < 2 * NET_PAIRS_MAX; i += 2)
		state->set[i] = false;
}

static void note_one(struct net_coalesce *state, uint16_t index,
		     const struct ferrule_net_coalescing *parameters)
{
	state->set[index] = true;
	state->each[index] = *parameters;
}

/* Noted first: the queue may be reset as soon as the card has heard it. */
static int set(struct ferrule_net *net, uint16_t queue, bool transmit,
	       const struct ferrule_net_coalescing *parameters)
{
	uint16_t index = (uint16_t)(2 * queue + transmit);
	struct net_coalesce before;
	int error;

	if (!net->coalesce)
		net->coalesce = kzalloc(sizeof(*net->coalesce));
	if (!net->coalesce)
		return -ENOMEM;
	before = *net->coalesce;
	if (queue == FERRULE_NET_ALL_QUEUES) {
		note_all(net->coalesce, transmit, parameters);
		error = send_all(net, transmit, parameters);
	} else {
		note_one(net->coalesce, index, parameters);
		error = send_one(net, index, parameters);
	}
	if (error)
		*net->coalesce = before;
	return error;
}

int ferrule_net_set_coalescing(struct ferrule_net *net, uint16_t queue, bool transmit,
			       const struct ferrule_net_coalescing *parameters)
{
	bool all = queue == FERRULE_NET_ALL_QUEUES;
	int error;

	if (!all && queue >= net->pairs)
		return -EINVAL;
	error = net_command_begin(net, all ? VIRTIO_NET_F_NOTF_COAL
					   : VIRTIO_NET_F_VQ_NOTF_COAL);
	if (error)
		return error;
	error = set(net, queue, transmit, parameters);
	net_command_end(net);
	return error;
}

/* What comes with an error is not looked at. */
int ferrule_net_get_coalescing(struct ferrule_net *net, uint16_t queue, bool transmit,
			       struct ferrule_net_coalescing *out)
{
	uint16_t words[2] = { (uint16_t)(2 * queue + transmit), 0 };
	int error;

	if (queue >= net->pairs)
		return -EINVAL;
	error = net_command_begin(net, VIRTIO_NET_F_VQ_NOTF_COAL);
	if (error)
		return error;
	memcpy(net_command_data(net), words, sizeof(words));
	error = net_command_ask(net, NET_CLASS_COALESCE, VQ_GET, sizeof(words), out,
				sizeof(*out));
	net_command_end(net);
	return error;
}

/* With the command page. */
static int send_state(struct ferrule_net *net)
{
	const struct net_coalesce *state = net->coalesce;
	int error = 0;

	for (unsigned i = 0; i < 2 && !error; i++)
		if (state->all_set[i])
			error = send_all(net, i, &state->all[i]);
	for (unsigned i = 0; i < 2 * net->pairs && !error; i++)
		if (state->set[i])
			error = send_one(net, (uint16_t)i, &state->each[i]);
	return error;
}

/* What was set needs no feature that is not there. */
static int coalesce_configure(struct ferrule_net *net)
{
	bool all = virtio_has(net->device, VIRTIO_NET_F_NOTF_COAL);
	int error;

	if (!net->coalesce)
		return 0;
	error = net_command_begin(net, all ? VIRTIO_NET_F_NOTF_COAL
					   : VIRTIO_NET_F_VQ_NOTF_COAL);
	if (error)
		return error;
	error = send_state(net);
	net_command_end(net);
	return error;
}

/* Of ferrule_net.coalescing; 0: nothing is said. */
enum { SAYING = 1, ASKED = 2 /* to say it, or to say it again */ };

/* The card is there until this is through: net_quiet(). Once more if the control queue breaks
 * meanwhile, as in net_configure(). */
static void say_again(void *argument)
{
	struct ferrule_net *net = argument;
	unsigned losses;
	uint8_t expected;
	int error;

	do {
		losses = __atomic_load_n(&net->control_losses, __ATOMIC_ACQUIRE);
		__atomic_store_n(&net->coalescing, SAYING, __ATOMIC_RELEASE);
		error = coalesce_configure(net);
		if (error)
			log_warn("%s: does not take its coalescing again (error %d)",
				 net->info.name, -error);
		expected = SAYING;
	} while (losses != __atomic_load_n(&net->control_losses, __ATOMIC_ACQUIRE) ||
		 !__atomic_compare_exchange_n(&net->coalescing, &expected, 0, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
}

/* A queue that is enabled again has the parameters of all in its direction (§5.1.6.5.9);
 * only a thread can wait for the command that says its own. */
static void coalesce_queue_restored(struct ferrule_net *net, unsigned index)
{
	if (!net->coalesce || !net->coalesce->set[index])
		return;
	if (__atomic_exchange_n(&net->coalescing, ASKED, __ATOMIC_ACQ_REL))
		return;
	if (thread_create("net", say_again, net))
		return;
	log_warn("%s: no memory to say what queue %u is to hold back", net->info.name,
		 index);
	__atomic_store_n(&net->coalescing, 0, __ATOMIC_RELEASE);
}

static void coalesce_forget(struct ferrule_net *net)
{
	kfree(net->coalesce);
}

static const struct net_part net_coalesce_part = {
	.features = VIRTIO_BIT(VIRTIO_NET_F_NOTF_COAL) |
		    VIRTIO_BIT(VIRTIO_NET_F_VQ_NOTF_COAL),
	.configure = coalesce_configure,
	.forget = coalesce_forget,
	.queue_restored = coalesce_queue_restored,
};
NET_PART(net_coalesce_part);
