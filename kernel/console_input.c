/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What was typed, raw, until somebody reads it. */

#include <kernel/console.h>
#include <kernel/lock.h>
#include <kernel/log.h>

#define INPUT_BYTES 1024 /* a power of two */

/* Whoever reads input gets the virtio console's, too. */
static void (*const virtio_input)(struct ferrule_port *port)
	__attribute__((used)) = console_port_start;

static struct spinlock lock;
struct wait_queue console_readers;
static char input[INPUT_BYTES];		  /* under lock */
static unsigned input_first, input_end;	  /* only grow; under lock */
static unsigned long input_dropped_bytes; /* under lock */

void console_input(const char *text, size_t length)
{
	unsigned long flags = spin_lock(&lock);

	for (size_t i = 0; i < length; i++) {
		if (input_end - input_first == INPUT_BYTES) {
			input_dropped_bytes += length - i;
			break;
		}
		input[input_end++ % INPUT_BYTES] = text[i];
	}
	spin_unlock(&lock, flags);
	wait_wake(&console_readers, WAKE_ALL, 0);
}

size_t console_read(char *text, size_t length)
{
	unsigned long flags = spin_lock(&lock);
	unsigned long dropped = 0;
	size_t count = 0;

	while (count < length && input_first != input_end)
		text[count++] = input[input_first++ % INPUT_BYTES];
	if (input_first == input_end) {
		dropped = input_dropped_bytes;
		input_dropped_bytes = 0;
	}
	spin_unlock(&lock, flags);
	if (dropped)
		log_warn("console: %lu bytes of input came faster than they were read",
			 dropped);
	return count;
}

bool console_readable(void)
{
	return __atomic_load_n(&input_first, __ATOMIC_RELAXED) !=
	       __atomic_load_n(&input_end, __ATOMIC_RELAXED);
}
