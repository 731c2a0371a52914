/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The socket: lines of text, one answer for each. In between QEMU tells of interrupt lines. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arch/io.h>
#include <arch/mmu.h>
#include <host/socket.h>
#include <kernel/time.h>
#include "qtest.h"

#define ANSWER_NS (20 * NS_PER_SEC)

static int link_fd = -1;
static char buffer[4096];
static unsigned filled;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "qtest: %s\n", what);
	_Exit(99);
}

void qtest_open(void)
{
	const char *path = getenv("FERRULE_QTEST");

	link_fd = path ? host_socket_connect(path) : -1;
	if (link_fd < 0)
		die("FERRULE_QTEST names no socket of QEMU's");
}

/* The next line, without its end; in `buffer` until the next call. */
static char *next_line(void)
{
	static unsigned taken;
	char *line, *end;

	memmove(buffer, buffer + taken, filled - taken);
	filled -= taken;
	while (!(end = memchr(buffer, '\n', filled))) {
		if (filled == sizeof(buffer) ||
		    host_socket_receive(link_fd, buffer + filled, 1,
					clock_ns() + ANSWER_NS))
			die("QEMU does not answer");
		filled++;
	}
	line = buffer;
	*end = '\0';
	taken = (unsigned)(end + 1 - buffer);
	return line;
}

uint64_t qtest_command(const char *fmt, ...)
{
	char text[128], *line;
	va_list args;
	int length;

	va_start(args, fmt);
	length = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (host_socket_send(link_fd, text, (size_t)length, NULL, 0,
			     clock_ns() + ANSWER_NS))
		die("QEMU takes no commands");
	for (;;) {
		line = next_line();
		if (strncmp(line, "IRQ raise ", 10) == 0)
			qtest_line((unsigned)strtoul(line + 10, NULL, 10), true);
		else if (strncmp(line, "IRQ lower ", 10) == 0)
			qtest_line((unsigned)strtoul(line + 10, NULL, 10), false);
		else if (strncmp(line, "OK", 2) == 0)
			return strtoull(line + 2, NULL, 0);
		else
			die(line);
	}
}

static char suffix(unsigned width)
{
	return width == 4 ? 'l' : width == 2 ? 'w' : 'b';
}

static uint64_t phys_of(const volatile void *address)
{
	return (uintptr_t)address - MMIO_BASE;
}

uint32_t host_mmio_read(const volatile void *address, unsigned width)
{
	return (uint32_t)qtest_command("read%c 0x%lx\n", suffix(width), phys_of(address));
}

void host_mmio_write(volatile void *address, unsigned width, uint32_t value)
{
	qtest_command("write%c 0x%lx 0x%x\n", suffix(width), phys_of(address), value);
}

uint32_t host_port_read(uint16_t port, unsigned width)
{
	return (uint32_t)qtest_command("in%c 0x%x\n", suffix(width), port);
}

void host_port_write(uint16_t port, unsigned width, uint32_t value)
{
	qtest_command("out%c 0x%x 0x%x\n", suffix(width), port, value);
}
