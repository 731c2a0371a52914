/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A file of fuse_host.h's device, and what happens when that breaks. Included by one test
 * file each. */

#ifndef FUSE_MOUNTED_H
#define FUSE_MOUNTED_H

#include "fuse_host.h"

static uint8_t data[65536];

static inline struct inode *a_file(struct mock *mock)
{
	struct inode *inode;

	(void)mock;
	host_make(1, "file", S_IFREG | 0644);
	assert_int_equal(fs_resolve(NULL, "/file", false, &inode), 0);
	assert_int_equal(inode->fs->operations->write(inode, data, 100, 0), 100);
	return inode;
}

static inline void pass_time(void)
{
	for (unsigned i = 0; i < 20; i++) {
		host_clock_advance(100 * NS_PER_MS);
		host_threads_run();
	}
}

/* The device is reset and negotiated again; the server has forgotten everything. */
static inline void settle(void)
{
	host.tamper = NULL;
	for (unsigned i = 0; i < NODES; i++)
		host.nodes[i].lookups = host.nodes[i].open = 0;
	host.sessions = 0;
	pass_time();
}

static int nothing_left(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NODES; i++) {
		free(host.nodes[i].data);
		host.nodes[i].data = NULL;
	}
	fs_names_drop_all();
	return host_page_live != 0;
}

#endif
