/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* PID 1 of the Linux guest that we are measured beside: marks its start, loads the virtio
 * drivers, gives eth0 its address, runs the program named by its arguments, and reboots,
 * which ends QEMU (-no-reboot). */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../mark.h"

static const char *const modules[] = {
	"virtio_ring",
	"virtio",
	"virtio_pci_legacy_dev",
	"virtio_pci_modern_dev",
	"virtio_pci",
	"virtio_blk",
	"failover",
	"net_failover",
	"virtio_net",
};

static void load(const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/modules/%s.ko", name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return; /* built into the kernel */
	if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST)
		printf("%s: %s\n", name, strerror(errno));
	close(fd);
}

static void set_address(int fd, unsigned long request, const char *address)
{
	struct ifreq change = { .ifr_name = "eth0" };
	struct sockaddr_in *in = (struct sockaddr_in *)&change.ifr_addr;

	in->sin_family = AF_INET;
	inet_pton(AF_INET, address, &in->sin_addr);
	if (ioctl(fd, request, &change))
		perror("eth0");
}

static void start_network(void)
{
	struct ifreq change = { .ifr_name = "eth0" };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &change)) {
		close(fd);
		return; /* there is no card */
	}
	set_address(fd, SIOCSIFADDR, "10.77.0.2");
	set_address(fd, SIOCSIFNETMASK, "255.255.255.0");
	change.ifr_flags |= IFF_UP;
	ioctl(fd, SIOCSIFFLAGS, &change);
	close(fd);
}

static void run(char **argv)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		execv(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	waitpid(child, &status, 0);
	printf("EXIT %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

int main(int argc, char **argv)
{
	MARK(1);
	printf("USERSPACE\n");
	if (argc > 1) {
		mkdir("/dev", 0755);
		mkdir("/sys", 0755);
		mount("dev", "/dev", "devtmpfs", 0, NULL);
		mount("sys", "/sys", "sysfs", 0, NULL);
		for (unsigned i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
			load(modules[i]);
		start_network();
		run(argv + 1);
	}
	fflush(stdout);
	reboot(RB_AUTOBOOT);
	return 1;
}
