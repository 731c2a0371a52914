/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A network card by <ferrule/net.h>, without a network stack: says what it is, does what the
 * arguments ask, prints what came of each, then sends each frame back to where it came from
 * until one says "end".
 *
 *	hash	    hashes of all kinds, steered over all queues
 *	lists	    two unicast addresses, three groups
 *	mac	    another address
 *	vlan=N	    that VLAN, too
 *	modes	    all receive modes, on; promiscuous off again
 *	large=off   no merged segments
 *	coalesce    64 frames or 100 microseconds */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ferrule/net.h>

static const uint8_t other_mac[6] = { 2, 0, 0, 0, 0, 9 };

static void say(const char *what, int result)
{
	printf("%s: %d\n", what, result);
}

static void describe(struct ferrule_net *net)
{
	struct ferrule_net_info info;

	ferrule_net_info(net, &info);
	printf("card: mtu %u speed %u %s queues %u %u link %s\n", info.mtu,
	       info.speed_mbit, info.full_duplex ? "full" : "half", info.queue_pairs,
	       info.tx_queues, info.link_up ? "up" : "down");
}

static void set_hash(struct ferrule_net *net)
{
	struct ferrule_net_hash_info info;
	int error = ferrule_net_hash_info(net, &info);

	if (error) {
		say("hash info", error);
		return;
	}
	printf("hash: types %#x key %u table %u steering %d reporting %d\n", info.types,
	       info.key_bytes_max, info.table_max, info.steering, info.reporting);
	say("set hash", ferrule_net_set_hash(net, info.types, NULL, 0, NULL, 0));
}

static void obey(struct ferrule_net *net, const char *word)
{
	static const uint8_t unicast[2][6] = { { 2, 1, 1, 1, 1, 1 },
					       { 2, 2, 2, 2, 2, 2 } };
	static const uint8_t groups[3][6] = { { 1, 0, 0x5e, 0, 0, 1 },
					      { 1, 0, 0x5e, 0, 0, 2 },
					      { 1, 0, 0x5e, 0, 0, 3 } };
	struct ferrule_net_coalescing some = { 64, 100 };

	if (!strcmp(word, "hash")) {
		set_hash(net);
	} else if (!strcmp(word, "lists")) {
		say("unicast", ferrule_net_set_unicast(net, unicast, 2));
		say("multicast", ferrule_net_set_multicast(net, groups, 3));
	} else if (!strcmp(word, "mac")) {
		say("mac", ferrule_net_set_mac(net, other_mac));
	} else if (!strncmp(word, "vlan=", 5)) {
		say("vlan", ferrule_net_vlan_add(net, (uint16_t)atoi(word + 5)));
	} else if (!strcmp(word, "modes")) {
		for (int mode = 0; mode < FERRULE_NET_MODES; mode++)
			say("mode", ferrule_net_set_mode(net, mode, true));
		say("promiscuous off", ferrule_net_set_promiscuous(net, false));
	} else if (!strcmp(word, "large=off")) {
		say("large off",
		    ferrule_net_set_receive_offloads(net, FERRULE_NET_RX_CHECKSUM));
	} else if (!strcmp(word, "coalesce")) {
		say("coalesce", ferrule_net_set_coalescing(net, FERRULE_NET_ALL_QUEUES,
							   false, &some));
	}
}

static void on_sent(void *context, void *token)
{
	(void)context;
	ferrule_net_release(token);
}

/* False: it said "end". */
static bool answer(struct ferrule_net *net, struct ferrule_frame *frame)
{
	struct ferrule_net_segment segment = { frame->data, frame->bytes };
	struct ferrule_net_info info;
	uint8_t address[6];
	bool end = frame->bytes >= 17 && !memcmp(frame->data + 14, "end", 3);

	ferrule_net_info(net, &info);
	printf("frame: %u bytes, hash %#x kind %u\n", frame->total_bytes, frame->hash,
	       frame->hash_kind);
	memcpy(address, frame->data, 6);
	memcpy(frame->data, frame->data + 6, 6);
	memcpy(frame->data + 6, address, 6);
	if (frame->next ||
	    ferrule_net_send(net, &segment, 1, info.tx_headroom, NULL, false, frame))
		ferrule_net_release(frame);
	return !end;
}

int main(int argc, char **argv)
{
	static const struct ferrule_net_client client = { .sent = on_sent };
	struct ferrule_net *net = ferrule_net_at(0);
	bool going = true;

	if (!net || ferrule_net_open(net, &client)) {
		printf("no card\n");
		return 1;
	}
	describe(net);
	for (int i = 1; i < argc; i++)
		obey(net, argv[i]);
	printf("READY\n");
	fflush(stdout);
	while (going) {
		struct ferrule_frame *frame;

		while (going && (frame = ferrule_net_receive(net)))
			going = answer(net, frame);
		fflush(stdout);
		if (going)
			ferrule_net_wait(net, UINT64_MAX);
	}
	return 0;
}
