/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The device of p9_host.h, mounted as the root of the tree. Included by one test file each. */

#ifndef P9_MOUNTED_H
#define P9_MOUNTED_H

#include <tests/share_root.h>
#include "p9_host.h"

static struct mock *device(const char *tag)
{
	struct mock *mock = mock_new(VIRTIO_ID_9P);
	uint16_t length = (uint16_t)strlen(tag);

	mock_offer(mock, 0); /* [P9-01] the mount tag */
	memcpy(mock->config, &length, 2);
	memcpy(mock->config + 2, tag, length);
	mock->config_bytes = 2u + length;
	mock->queue_max[0] = 128;
	mock->serve = host_serve;
	memset(&host, 0, sizeof(host));
	host.files[0].mode = S_IFDIR | 0755;
	return mock;
}

static struct mock *mounted(void)
{
	struct mock *mock = device("hello");

	assert_int_equal(mock_add(mock), 0);
	assert_int_equal(p9_type.mount("hello", false, &share), 0);
	return mock;
}

static void retire(struct mock *mock)
{
	if (share)
		share->operations->unmount(share);
	share = NULL;
	mock_unplug(mock);
	mock_remove(mock);
	for (unsigned i = 0; i < FILES; i++)
		free(host.files[i].data);
	memset(&host, 0, sizeof(host));
}

static struct inode *resolve(const char *path)
{
	struct inode *inode;

	assert_int_equal(fs_resolve(NULL, path, false, &inode), 0);
	return inode;
}

static bool count_entry(void *context, const char *name, size_t length, uint64_t inode,
			unsigned type, uint64_t next_offset)
{
	(void)type;
	(void)inode;
	(void)next_offset;
	assert_null(memchr(name, '/', length));
	++*(unsigned *)context;
	return true;
}

static int nothing_left(void **state)
{
	(void)state;
	fs_names_drop_all();
	return host_page_live != 0;
}

#define p9_test(function) cmocka_unit_test_teardown(function, nothing_left)

#endif
