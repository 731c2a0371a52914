/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: device virtio/device/console*.c virtio/device/pieces.c */
/* runs: 2500 */

/* virtio-console and a host that lies (requirements CON). */

#include <kernel/time.h>
#include <virtio/device/console.h>
#include "fuzz.h"

static struct console *text_console;
static size_t typed;

void console_add(struct console *console)
{
	text_console = console;
}

void console_input(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		typed += (unsigned char)text[i];
}

static void setup(struct mock *mock, struct mock_chaos *chaos)
{
	static const uint8_t config[] = { 80, 0, 24, 0, 3, 0, 0, 0, 0, 0, 0, 0 };

	for (unsigned i = 0; i < 8; i++)
		mock->queue_max[i] = (uint16_t)(2u << mock_chaos_byte(chaos) % 6);
	memcpy(mock->config, config, sizeof(config));
	mock->config_bytes = sizeof(config);
	mock_offer(mock, VIRTIO_CONSOLE_F_SIZE);
	mock_offer(mock, VIRTIO_CONSOLE_F_MULTIPORT);
	mock_offer(mock, VIRTIO_CONSOLE_F_EMERG_WRITE);
}

static void step(struct mock *mock, struct mock_chaos *chaos)
{
	static char text[3000];
	char name[2] = { (char)('0' + mock_chaos_byte(chaos) % 10), 0 };
	size_t bytes = mock_chaos_byte(chaos) * 11u;
	struct ferrule_port *port;
	long result = 0;

	(void)mock;
	if (text_console && mock_chaos_byte(chaos) & 1) {
		text_console->write(text_console, text, bytes);
		return;
	}
	port = ferrule_port_find(name, NS_PER_MS);
	if (!port)
		return;
	switch (mock_chaos_byte(chaos) % 3) {
	case 0:
		result = ferrule_port_read(port, text, bytes, clock_ns() + NS_PER_SEC);
		break;
	case 1:
		result = ferrule_port_write(port, text, bytes, clock_ns() + NS_PER_SEC);
		break;
	default:
		ferrule_port_host_open(port);
		ferrule_console_size();
	}
	FUZZ_ASSERT(result <= (long)bytes);
}

const struct fuzz_device fuzz_device = {
	.id = VIRTIO_ID_CONSOLE,
	.setup = setup,
	.step = step,
};
