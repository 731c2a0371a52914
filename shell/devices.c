/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The virtio devices and what their queues have cost. */

#include <ferrule/device.h>
#include "commands.h"

static const char *state_of(const struct ferrule_device_info *info)
{
	return info->broken ? "broken" : info->live ? "live" : "idle";
}

/* A column's width in bytes, for text in which a character may take several. */
static int width(const char *text, int columns)
{
	for (; *text; text++)
		columns += ((unsigned char)*text & 0xc0) == 0x80;
	return columns;
}

static void run_devices(int count, char **words)
{
	struct ferrule_device_info info;
	const char *interrupts;
	unsigned i;

	(void)count;
	(void)words;
	for (i = 0; ferrule_device_info(i, &info); i++) {
		if (!i)
			shell_print("%-10s %-15s %-10s %-12s %-6s %6s %6s %6s %10s\n",
				    "device", "where", "transport", "interrupts", "state",
				    "queues", "resets", "faults", "config-irq");
		interrupts = info.interrupts ? info.interrupts : "-";
		shell_print("%-10s %-15s %-10s %-*s %-6s %6u %6llu %6llu %10llu\n",
			    info.name, info.where, info.transport ? info.transport : "-",
			    width(interrupts, 12), interrupts, state_of(&info),
			    info.queues, (unsigned long long)info.resets,
			    (unsigned long long)info.violations,
			    (unsigned long long)info.config_interrupts);
		shell_print(
			"%-10s features %016llx%016llx\n%-10s of       %016llx%016llx\n",
			"", (unsigned long long)info.negotiated[1],
			(unsigned long long)info.negotiated[0], "",
			(unsigned long long)info.offered[1],
			(unsigned long long)info.offered[0]);
		if (info.recoveries || info.queue_resets)
			shell_print("%-10s came back %llu times, single queues %llu\n",
				    "", (unsigned long long)info.recoveries,
				    (unsigned long long)info.queue_resets);
	}
	if (!i)
		shell_print("no virtio devices\n");
}

static void print_queue(const char *device, const struct ferrule_queue_info *queue)
{
	shell_print(
		"%-10s %-14s %5u %5u %10llu %10llu %9llu %9llu %9llu %6llu\n", device,
		queue->name, queue->size, queue->free, (unsigned long long)queue->added,
		(unsigned long long)queue->used, (unsigned long long)queue->kicks,
		(unsigned long long)queue->kicks_saved,
		(unsigned long long)queue->interrupts, (unsigned long long)queue->full);
	if (queue->length_clamped)
		shell_print("%-10s %-14s %llu used lengths beyond their buffers\n", "",
			    "", (unsigned long long)queue->length_clamped);
}

static void run_queues(int count, char **words)
{
	struct ferrule_device_info device;
	struct ferrule_queue_info queue;
	unsigned shown = 0;

	(void)count;
	(void)words;
	for (unsigned i = 0; ferrule_device_info(i, &device); i++) {
		for (unsigned j = 0; j < device.queues; j++) {
			if (!ferrule_queue_info(i, j, &queue))
				continue;
			if (!shown++)
				shell_print(
					"%-10s %-14s %5s %5s %10s %10s %9s %9s %9s %6s\n",
					"device", "queue", "size", "free", "added",
					"used", "kicks", "saved", "irqs", "full");
			print_queue(device.name, &queue);
		}
	}
	if (!shown)
		shell_print("no queues\n");
}

const struct shell_command shell_devices = { "devices",
					     "the virtio devices, their features "
					     "and faults",
					     run_devices };
const struct shell_command shell_queues = { "queues",
					    "each virtqueue: buffers, doorbells, "
					    "interrupts",
					    run_queues };
