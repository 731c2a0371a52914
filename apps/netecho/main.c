/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* netecho [CARD [COUNT]]: sends each Ethernet frame back to where it came from, COUNT
 * frames or for ever. Shows <ferrule/net.h>: the frame goes out from the memory it came
 * into, without a copy. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <ferrule/net.h>

static void sent(void *context, void *token)
{
	(void)context;
	ferrule_net_release(token);
}

/* Exchanges the addresses and sends the frame's only piece. */
static int echo(struct ferrule_net *net, struct ferrule_frame *frame)
{
	struct ferrule_net_segment segment = { frame->data, frame->bytes };
	uint8_t address[6];

	memcpy(address, frame->data, 6);
	memcpy(frame->data, frame->data + 6, 6);
	memcpy(frame->data + 6, address, 6);
	return ferrule_net_send(net, &segment, 1, 0, NULL, false, frame);
}

int main(int argc, char **argv)
{
	struct ferrule_net *net = ferrule_net_find(argc > 1 ? argv[1] : "net0");
	unsigned long left = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	struct ferrule_net_client client = { .sent = sent };
	struct ferrule_net_info info;

	if (!net || ferrule_net_open(net, &client)) {
		fprintf(stderr, "netecho: no such card, or it is in use\n");
		return 1;
	}
	ferrule_net_info(net, &info);
	printf("%s: %02x:%02x:%02x:%02x:%02x:%02x, link %s\n", info.name, info.mac[0],
	       info.mac[1], info.mac[2], info.mac[3], info.mac[4], info.mac[5],
	       info.link_up ? "up" : "down");
	for (unsigned long done = 0; !left || done < left;) {
		struct ferrule_frame *frame = ferrule_net_receive(net);

		if (!frame)
			ferrule_net_wait(net, UINT64_MAX);
		else if (frame->next || echo(net, frame))
			ferrule_net_release(frame);
		else
			done++;
	}
	while (ferrule_net_open(net, NULL)) /* until the last one is out */
		usleep(1000);
	return 0;
}
