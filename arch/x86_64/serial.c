/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The first serial port, a 16550 (National Semiconductor PC16550D), as a console. Output
 * is polled, in bursts of the FIFO's size; input comes by its interrupt line. */

#include <arch/boot.h>
#include <arch/io.h>
#include <kernel/console.h>
#include <kernel/format.h>
#include <kernel/init.h>
#include <kernel/irq.h>

#pragma weak console_input /* see kernel/console.h */

#define PORT	   0x3f8
#define GSI	   4
#define FIFO_BYTES 16
#define SPINS_MAX  10000000 /* seconds: a host that is slow to read loses nothing */

enum uart_register {
	DATA = 0,
	INTERRUPT_ENABLE = 1,
	FIFO_CONTROL = 2,
	LINE_CONTROL = 3,
	MODEM_CONTROL = 4,
	LINE_STATUS = 5,
	SCRATCH = 7,
};

enum line_status {
	DATA_READY = 0x01,
	TRANSMITTER_EMPTY = 0x40, /* the FIFO, and what sends it */
};

/* The host takes nothing: it is waited for only once, until it takes some again. What is
 * dropped meanwhile it is told then. */
static bool stuck;
static uint64_t dropped;

/* Before each burst, and after the last: nothing is left behind when the machine ends. */
static void await_transmitter(void)
{
	unsigned spins = stuck ? 1 : SPINS_MAX;

	do
		stuck = !(port_read8(PORT + LINE_STATUS) & TRANSMITTER_EMPTY);
	while (stuck && --spins);
}

static void send(const char *text, size_t length)
{
	__asm__ volatile("rep outsb"
			 : "+S"(text), "+c"(length)
			 : "d"(PORT + DATA)
			 : "memory");
}

/* At most FIFO_BYTES at a time fit; the FIFO must be empty before. */
static void tell_dropped(void)
{
	char text[FIFO_BYTES];
	int length = format(text, sizeof(text), "<lost %llu>",
			    (unsigned long long)dropped);

	dropped = 0;
	send(text, length < FIFO_BYTES ? (size_t)length : FIFO_BYTES - 1);
}

static void serial_write(struct console *self, const char *text, size_t length)
{
	(void)self;
	for (;;) {
		size_t burst = length < FIFO_BYTES ? length : FIFO_BYTES;

		await_transmitter();
		if (stuck) {
			dropped += length;
			return;
		}
		if (dropped) {
			tell_dropped();
			continue;
		}
		if (!length)
			return;
		send(text, burst);
		text += burst;
		length -= burst;
	}
}

static bool serial_interrupt(void *context)
{
	char typed[FIFO_BYTES];
	size_t count = 0;

	(void)context;
	while (count < sizeof(typed) && port_read8(PORT + LINE_STATUS) & DATA_READY)
		typed[count++] = port_read8(PORT + DATA);
	if (count)
		console_input(typed, count);
	return count > 0;
}

static struct console serial_console = {
	.name = "serial",
	.write = serial_write,
	.crlf = true,
};
static struct irq_handler serial_handler = { .handle = serial_interrupt,
					     .name = "serial" };
static bool present;

void arch_serial_init(void)
{
	port_write8(PORT + SCRATCH, 0x5a);
	if (port_read8(PORT + SCRATCH) != 0x5a)
		return;
	present = true;
	port_write8(PORT + INTERRUPT_ENABLE, 0);
	port_write8(PORT + LINE_CONTROL, 0x80); /* divisor latch: 115200 baud */
	port_write8(PORT + DATA, 1);
	port_write8(PORT + INTERRUPT_ENABLE, 0);
	port_write8(PORT + LINE_CONTROL, 0x03);	 /* 8 bits, no parity, one stop bit */
	port_write8(PORT + FIFO_CONTROL, 0x07);	 /* FIFOs on and empty */
	port_write8(PORT + MODEM_CONTROL, 0x0b); /* DTR, RTS, interrupt line on */
	console_add(&serial_console);
}

static void serial_input_init(void)
{
	if (!console_input || !present || irq_line_attach(GSI, &serial_handler))
		return;
	port_write8(PORT + INTERRUPT_ENABLE, DATA_READY);
}
INIT_CALL(INIT_BUS, serial_input_init);
