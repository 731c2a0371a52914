/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Devices that break under load, and come back:
 *	recover DEVICE QUEUE[/ALONE] TIMES [disk|echo|line|port|balloon]
 *
 * DEVICE is made to ask for a reset TIMES times by way of QUEUE, then that queue or the other
 * one is reset that often. With "disk" a thread reads vda all the while, with "echo" one
 * talks to 10.0.2.100, port 7; both count errors, which may be, and wrong bytes, which may
 * not. "line": one is read from standard input afterwards. "port": each time, console port
 * org.test.echo is to answer; of a queue it is to notice nothing. "balloon": in the end it is
 * to hold what the host wants. */

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <ferrule/balloon.h>
#include <ferrule/block.h>
#include <ferrule/console.h>
#include <ferrule/device.h>
#include <ferrule/net.h>
#include "poke.h"

#define BLOCK	  4096
#define SECOND_NS 1000000000ull

static atomic_bool stop;
static atomic_uint done, errors, wrong, sent;

static void *read_disk(void *unused)
{
	struct ferrule_block *disk = ferrule_block_find("vda");
	struct ferrule_block_info info;
	unsigned char *all, *block = aligned_alloc(BLOCK, BLOCK);
	uint64_t blocks;

	(void)unused;
	ferrule_block_info(disk, &info);
	blocks = info.sectors * 512 / BLOCK;
	all = aligned_alloc(BLOCK, blocks * BLOCK);
	if (ferrule_block_read(disk, 0, all, blocks * BLOCK))
		abort();
	done = 1;
	while (!stop) {
		uint64_t at = (uint64_t)rand() % blocks;

		memset(block, 0, BLOCK);
		if (ferrule_block_read(disk, at * BLOCK / 512, block, BLOCK))
			errors++;
		else if (memcmp(block, all + at * BLOCK, BLOCK))
			wrong++;
		if (done % 8 == 0 &&
		    ferrule_block_write(disk, at * BLOCK / 512, all + at * BLOCK, BLOCK))
			errors++;
		done++;
	}
	if (ferrule_block_read(disk, 0, block, BLOCK) || memcmp(block, all, BLOCK))
		wrong++;
	return NULL;
}

static void *talk(void *unused)
{
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(7) };
	int talker = socket(AF_INET, SOCK_STREAM, 0);
	char out[1000], in[1000];

	(void)unused;
	inet_aton("10.0.2.100", &peer.sin_addr);
	while (connect(talker, (struct sockaddr *)&peer, sizeof(peer)))
		usleep(100000);
	done = 1;
	while (!stop) {
		memset(out, (int)('a' + done % 26), sizeof(out));
		if (write(talker, out, sizeof(out)) != sizeof(out))
			errors++;
		for (size_t got = 0; got < sizeof(in);) {
			ssize_t bytes = read(talker, in + got, sizeof(in) - got);

			if (bytes <= 0) {
				errors++;
				return NULL;
			}
			got += (size_t)bytes;
		}
		wrong += memcmp(in, out, sizeof(in)) != 0;
		done++;
	}
	return NULL;
}

/* What was on its way may be lost, or come twice. */
static bool port_echoes(struct ferrule_port *port, unsigned number)
{
	struct timespec now;
	char out[16], in[256];
	size_t bytes = (size_t)snprintf(out, sizeof(out), "<%u>", number), got = 0;
	uint64_t deadline;

	clock_gettime(CLOCK_MONOTONIC, &now);
	deadline = (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec +
		   2 * SECOND_NS;
	if (ferrule_port_write(port, out, bytes, deadline) != (long)bytes)
		return false;
	while (got < sizeof(in) - 1) {
		long more = ferrule_port_read(port, in + got, sizeof(in) - 1 - got,
					      deadline);

		if (more <= 0)
			return false;
		got += (size_t)more;
		in[got] = '\0';
		if (strstr(in, out))
			return true;
	}
	return false;
}

static void talk_to_port(bool alone)
{
	struct ferrule_port *port = ferrule_port_find("org.test.echo", 5 * SECOND_NS);
	bool answered = false;

	if (!port)
		abort();
	if (alone && !ferrule_port_host_open(port))
		wrong++;
	for (unsigned i = 0; i < 100 && !answered; i++) {
		answered = port_echoes(port, ++sent);
		errors += !answered;
		wrong += alone && !answered;
		usleep(10000);
	}
	wrong += !answered;
}

/* A command that changes nothing. */
static int command(const char *name)
{
	struct ferrule_net *card = ferrule_net_find(name);
	struct ferrule_net_info info;

	if (!card)
		return -1;
	ferrule_net_info(card, &info);
	return ferrule_net_set_mac(card, info.mac);
}

static bool balloon_settles(void)
{
	struct ferrule_balloon_info info;

	for (unsigned i = 0; i < 1000; i++) {
		if (ferrule_balloon_info(&info) && info.target_bytes &&
		    info.held_bytes == info.target_bytes)
			return true;
		usleep(10000);
	}
	return false;
}

static unsigned long long comebacks(const char *name)
{
	struct ferrule_device_info info;

	for (unsigned i = 0; ferrule_device_info(i, &info); i++)
		if (!strcmp(info.name, name))
			return info.recoveries + info.queue_resets;
	return 0;
}

static bool came_back(const char *name, unsigned long long before)
{
	unsigned was = done;

	for (unsigned i = 0; i < 1000 && comebacks(name) == before; i++)
		usleep(10000);
	if (comebacks(name) == before)
		return false;
	for (unsigned i = 0; i < 1000 && was && done < was + 5; i++)
		usleep(10000);
	return !was || done >= was + 5;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "", *load = argc > 4 ? argv[4] : "";
	unsigned queue = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
	const char *slash = argc > 2 ? strchr(argv[2], '/') : NULL;
	unsigned alone = slash ? (unsigned)atoi(slash + 1) : queue;
	unsigned times = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
	bool thread_runs = *load == 'd' || *load == 'e';
	struct ferrule_device_info info;
	char line[64] = "";
	pthread_t thread;

	if (argc < 4)
		return 2;
	if (thread_runs) {
		pthread_create(&thread, NULL, *load == 'd' ? read_disk : talk, NULL);
		while (!done)
			usleep(1000);
	}
	if (*load == 'p')
		talk_to_port(false);
	for (unsigned i = 0; i < 2 * times; i++) {
		unsigned long long before = comebacks(name);
		bool poked = i < times ? poke_device(name, queue)
				       : poke_queue(name, alone);

		if (!poked || !came_back(name, before)) {
			printf("%s did not come back\n", name);
			return 1;
		}
		if (*load == 'p')
			talk_to_port(i >= times);
		printf("%s came back: %u\n", name, i + 1);
	}
	if (*load == 'e' && command(name))
		errors++;
	stop = true;
	if (thread_runs)
		pthread_join(thread, NULL);
	if (*load == 'b')
		wrong += !balloon_settles();
	if (*load == 'l' && fgets(line, sizeof(line), stdin))
		printf("read: %s", line);
	printf("%u done, %u errors, %u wrong\n", done, errors, wrong);
	for (unsigned i = 0; ferrule_device_info(i, &info); i++)
		printf("%s: resets %llu, recoveries %llu, queues %llu\n", info.name,
		       (unsigned long long)info.resets,
		       (unsigned long long)info.recoveries,
		       (unsigned long long)info.queue_resets);
	return wrong != 0;
}
