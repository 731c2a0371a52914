/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* portcat NAME: prints what the host sends by a console port and sends it back, until the
 * host closes the port. Shows <ferrule/console.h>. On the host:
 *
 *	-chardev socket,path=p,server=on,wait=off,id=p -device virtio-serial-pci
 *	-device virtserialport,chardev=p,name=NAME */

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <ferrule/console.h>

#define FIND_NS UINT64_C(5000000000)

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "org.ferrule.0";
	struct ferrule_port *port = ferrule_port_find(name, FIND_NS);
	char text[512];
	long bytes;

	if (!port) {
		fprintf(stderr, "portcat: no port called %s\n", name);
		return 1;
	}
	printf("portcat: %s is there\n", name);
	while (!ferrule_port_host_open(port))
		usleep(10000);
	while ((bytes = ferrule_port_read(port, text, sizeof(text), UINT64_MAX)) > 0) {
		fwrite(text, 1, (size_t)bytes, stdout);
		fflush(stdout);
		if (ferrule_port_write(port, text, (size_t)bytes, UINT64_MAX) != bytes)
			break;
	}
	if (bytes < 0)
		fprintf(stderr, "portcat: %s\n", strerror((int)-bytes));
	return bytes < 0;
}
