/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* nettest [COUNT]: sends COUNT frames of all sizes to a back end that sends back what it
 * gets, and compares each that comes. Says at the end what was negotiated. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ferrule/device.h>
#include <ferrule/net.h>
#include <kernel/time.h>

#define SLOTS	    64
#define FRAME_BYTES 1514
#define FRAME_LEAST 60
#define WAIT_NS	    (10 * NS_PER_SEC)

#define GREETING  UINT32_MAX /* number of the frame that is sent until it comes back */
#define GREETINGS 10

static unsigned char frames[SLOTS][FRAME_BYTES];
static bool greeted;
static unsigned in_flight, returned; /* frames on their way out; those that came back */

static void sent(void *context, void *token)
{
	(void)context;
	(void)token;
	in_flight--;
}

static unsigned bytes_of(unsigned number)
{
	return FRAME_LEAST + number * 37 % (FRAME_BYTES - FRAME_LEAST + 1);
}

/* Addresses and type of an experimental protocol, the frame's number, a pattern of it. */
static void fill(unsigned char *frame, unsigned number)
{
	static const unsigned char header[14] = { 2, 0, 0, 0, 0, 1,    2,
						  0, 0, 0, 0, 2, 0x88, 0xb5 };

	memcpy(frame, header, sizeof(header));
	memcpy(frame + 14, &number, sizeof(number));
	for (unsigned i = 18; i < bytes_of(number); i++)
		frame[i] = (unsigned char)(number + i * 13);
}

/* One frame that came back, in one piece or several. False: it is not as it was sent. */
static bool check(struct ferrule_frame *frame)
{
	unsigned char got[FRAME_BYTES], wanted[FRAME_BYTES];
	unsigned bytes = 0, number;

	for (struct ferrule_frame *each = frame; each; each = each->next) {
		if (each->bytes > sizeof(got) - bytes)
			return false;
		memcpy(got + bytes, each->data, each->bytes);
		bytes += each->bytes;
	}
	if (bytes < FRAME_LEAST)
		return false;
	memcpy(&number, got + 14, sizeof(number));
	fill(wanted, number);
	if (bytes != bytes_of(number) || memcmp(got, wanted, bytes) != 0) {
		printf("frame %u came back wrong (%u bytes)\n", number, bytes);
		return false;
	}
	if (number == GREETING)
		greeted = true;
	else
		returned++;
	return true;
}

static bool take_all(struct ferrule_net *net)
{
	struct ferrule_frame *frame;
	bool good = true;

	while ((frame = ferrule_net_receive(net))) {
		good &= check(frame);
		ferrule_net_release(frame);
	}
	return good;
}

/* A back end may begin to forward some time after the rings are there, and drops what comes
 * before. From the first frame that comes back on, none may be lost. */
static bool greet(struct ferrule_net *net)
{
	struct ferrule_net_segment segment = { frames[0], bytes_of(GREETING) };

	fill(frames[0], GREETING);
	for (unsigned i = 0; i < GREETINGS && !greeted; i++) {
		uint64_t end = clock_ns() + WAIT_NS / GREETINGS;

		if (ferrule_net_send(net, &segment, 1, 0, NULL, false, frames[0]))
			return false;
		in_flight++;
		while (!greeted && clock_ns() < end) {
			ferrule_net_wait(net, end);
			if (!take_all(net))
				return false;
			ferrule_net_reap(net);
		}
	}
	while (in_flight && ferrule_net_wait(net, clock_ns() + NS_PER_MS))
		ferrule_net_reap(net);
	ferrule_net_reap(net);
	if (!greeted)
		printf("nothing comes back\n");
	return greeted;
}

/* Never more are under way than find room at the end: then nobody may drop one. */
static bool exchange(struct ferrule_net *net, unsigned count)
{
	struct ferrule_net_info info;
	unsigned next = 0, window;

	ferrule_net_info(net, &info);
	window = info.rx_buffers / 2 < SLOTS ? info.rx_buffers / 2 : SLOTS;

	while (returned < count) {
		while (next < count && next - returned < window && in_flight < SLOTS) {
			struct ferrule_net_segment segment = { frames[next % SLOTS],
							       bytes_of(next) };

			fill(frames[next % SLOTS], next);
			if (ferrule_net_send(net, &segment, 1, 0, NULL, false,
					     frames[next % SLOTS]))
				break;
			in_flight++;
			next++;
		}
		if (!take_all(net))
			return false;
		ferrule_net_reap(net);
		if (returned < next && !ferrule_net_wait(net, clock_ns() + WAIT_NS)) {
			printf("%u of %u came back\n", returned, next);
			return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 10000;
	struct ferrule_net *net = ferrule_net_find("net0");
	struct ferrule_net_client client = { .sent = sent };
	struct ferrule_device_info info;

	if (!net || ferrule_net_open(net, &client)) {
		printf("no card\n");
		return 3;
	}
	if (!greet(net) || !exchange(net, count))
		return 1;
	ferrule_device_info(0, &info);
	printf("%u frames went and came, packed %d, in order %d, event index %d\n", count,
	       (int)(info.negotiated[0] >> 34 & 1), (int)(info.negotiated[0] >> 35 & 1),
	       (int)(info.negotiated[0] >> 29 & 1));
	for (unsigned i = 0; i < info.queues; i++) {
		struct ferrule_queue_info queue;

		ferrule_queue_info(0, i, &queue);
		printf("%s: %lu used, %lu kicks, %lu interrupts\n", queue.name,
		       queue.used, queue.kicks, queue.interrupts);
	}
	return 0;
}
