/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include "uses.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include <ferrule/block.h>
#include <ferrule/device.h>
#include <ferrule/entropy.h>
#include <ferrule/vsock.h>

/* What links the share and the sockets of a host in. */
struct fs_operations;
extern const struct fs_operations *const ferrule_virtiofs;
const struct fs_operations *const *const volatile linked_share = &ferrule_virtiofs;
uint64_t (*const volatile linked_vsock)(void) = ferrule_vsock_cid;

#define DISK_BYTES 4096
#define DISK_BYTE  0xa5	     /* all that is on the disks */
#define FILE_BYTES 10000     /* of the share's file, each its own place's last byte */
#define ASK_BYTES  (1 << 20) /* beyond it the generator asks the devices for more */
#define REPLY_MS   400
#define ANSWER_MS  200

static int use_disk(const char *name)
{
	static __thread unsigned char data[DISK_BYTES];
	struct ferrule_block *disk = ferrule_block_find(name);
	int error;

	memset(data, 0, sizeof(data));
	error = disk ? ferrule_block_read(disk, 8, data, sizeof(data)) : -ENODEV;
	for (unsigned i = 0; !error && i < sizeof(data); i++)
		if (data[i] != DISK_BYTE)
			return WRONG;
	return error;
}

/* The honest one is the other; it is vda where the device makes none. */
int use_blk(void)
{
	return ferrule_block_find("vdb") ? use_disk("vda") : -ENODEV;
}

/* One that was removed keeps its name while it is held. */
int use_scsi(void)
{
	int result = -ENODEV;

	for (char letter = 'a'; result == -ENODEV && letter <= 'z'; letter++)
		result = use_disk((char[]){ 's', 'd', letter, 0 });
	return result;
}

/* Whether what was sent comes back, within REPLY_MS. */
static int echo(int fd)
{
	static unsigned char number;
	struct timeval patience = { .tv_usec = REPLY_MS * 1000 };
	unsigned char out[1000], in[1001];
	ssize_t got;

	memset(out, ++number, sizeof(out));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    send(fd, out, sizeof(out), MSG_NOSIGNAL) < 0)
		return -errno;
	got = recv(fd, in, sizeof(in), 0);
	if (got < 0)
		return -errno;
	return got == sizeof(out) && !memcmp(in, out, sizeof(out)) ? 0 : WRONG;
}

static int use_socket(int fd, const void *to, socklen_t bytes)
{
	int result = fd < 0 || connect(fd, to, bytes) ? -errno : echo(fd);

	if (fd >= 0)
		close(fd);
	return result;
}

int use_net(void)
{
	struct sockaddr_in host = { .sin_family = AF_INET, .sin_port = htons(7) };

	inet_aton("10.0.2.2", &host.sin_addr);
	return use_socket(socket(AF_INET, SOCK_DGRAM, 0), &host, sizeof(host));
}

int use_vsock(void)
{
	struct sockaddr_vm host = { .svm_family = AF_VSOCK,
				    .svm_cid = VMADDR_CID_HOST,
				    .svm_port = 7 };

	return use_socket(socket(AF_VSOCK, SOCK_STREAM, 0), &host, sizeof(host));
}

/* "file" and "link" alone, in that order. */
static int list(void)
{
	static const char *const wanted[] = { ".", "..", "file", "link" };
	DIR *folder = opendir("/host");
	struct dirent *entry;
	unsigned found = 0;
	int result;

	if (!folder)
		return -errno;
	errno = 0;
	while ((entry = readdir(folder))) {
		if (found >= 4 || strcmp(entry->d_name, wanted[found]) != 0)
			break;
		found++;
	}
	result = entry ? WRONG : errno ? -errno : found == 4 ? 0 : WRONG;
	closedir(folder);
	return result;
}

static int read_file(void)
{
	static __thread unsigned char data[FILE_BYTES + 1];
	int fd = open("/host/file", O_RDONLY), result = 0;
	struct stat status;
	ssize_t got;

	if (fd < 0)
		return -errno;
	memset(data, 0xee, sizeof(data));
	if (fstat(fd, &status) || (got = read(fd, data, sizeof(data))) < 0)
		result = -errno;
	else if (status.st_size != FILE_BYTES || got != FILE_BYTES)
		result = WRONG;
	for (unsigned i = 0; !result && i < FILE_BYTES; i++)
		if (data[i] != (i & 255))
			result = WRONG;
	close(fd);
	return result;
}

static int read_link(void)
{
	char target[64];
	ssize_t got = readlink("/host/link", target, sizeof(target));

	if (got < 0)
		return -errno;
	return got == 4 && !memcmp(target, "file", 4) ? 0 : WRONG;
}

int use_fs(void)
{
	int result = list();

	if (!result)
		result = read_file();
	return result ? result : read_link();
}

/* How many buffers the device of the generator has given back. */
static uint64_t answered(void)
{
	struct ferrule_device_info info;
	struct ferrule_queue_info queue;

	for (unsigned i = 0; ferrule_device_info(i, &info); i++)
		if (!strcmp(info.name, "rng0") && ferrule_queue_info(i, 0, &queue))
			return queue.used;
	return 0;
}

int use_rng(void)
{
	static __thread unsigned char data[ASK_BYTES + 1];
	uint64_t before = answered();

	ferrule_entropy_read(data, sizeof(data));
	for (unsigned i = 0; i < ANSWER_MS && answered() == before; i++)
		usleep(1000);
	return answered() == before ? -EAGAIN : 0;
}
