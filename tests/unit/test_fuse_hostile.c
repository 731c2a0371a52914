/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	tests/unit/host/files.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/virtqueue.c kernel/format.c
 *	virtio/device/exchange.c virtio/device/exchange_setup.c virtio/device/watchdog.c virtio/device/fs.c virtio/device/pieces.c
 *	fs/fuse.c fs/fuse_inode.c fs/fuse_data.c fs/fuse_names.c fs/fuse_list.c
 *	fs/fuse_dax.c tests/unit/host/mmu.c fs/share.c fs/names.c fs/tree.c fs/change.c */

/* Files by FUSE over virtio-fs: servers that lie, fall silent, forget or go. */

#include "fuse_mounted.h"

/* What is wrong with the next answer to this opcode. */
static uint32_t lie_about;
static enum lie {
	SHORT_HEADER,
	NOTHING,
	OTHER_LENGTH,
	OTHER_UNIQUE,
	POSITIVE_ERROR,
	HUGE_ERROR,
	SHORT_CONTENT,
	WRITTEN_MORE,
	NO_TYPE,
	OTHER_TYPE,
	HUGE_SIZE,
	NO_NODE,
	NAME,
	LIST,
	LINK_NUL,
	LINK_EMPTY,
} lie;
static const char *lie_name;
static uint32_t lie_length;
static uint64_t lie_offset;
static unsigned lies;

static void one_entry(uint8_t *reply, uint32_t *bytes, uint64_t next)
{
	struct fuse_dirent entry = { .ino = 150, .off = next, .namelen = lie_length };

	memset(reply + 16, 0, 64);
	memcpy(reply + 16, &entry, sizeof(entry));
	memcpy(reply + 16 + sizeof(entry), lie_name, strlen(lie_name) + 1);
	*bytes = 16 + 32;
}

static void tamper(uint32_t opcode, uint8_t *reply, uint32_t *bytes, uint32_t *used)
{
	struct virtio_fs_out_header *header = (struct virtio_fs_out_header *)reply;
	struct fuse_attr *attr = opcode == FUSE_LOOKUP
					 ? &((struct fuse_entry_out *)(header + 1))->attr
					 : &((struct fuse_attr_out *)(header + 1))->attr;

	if (opcode != lie_about)
		return;
	lies++;
	switch (lie) {
	case SHORT_HEADER:
		header->len = *bytes = 15;
		break;
	case NOTHING:
		*bytes = 0;
		break;
	case OTHER_LENGTH:
		header->len--;
		break;
	case OTHER_UNIQUE:
		header->unique++;
		break;
	case POSITIVE_ERROR:
	case HUGE_ERROR:
		header->error = lie == POSITIVE_ERROR ? 5 : -512;
		break;
	case SHORT_CONTENT:
		header->len = *bytes -= 4;
		break;
	case WRITTEN_MORE:
		((struct fuse_write_out *)(header + 1))->size++;
		break;
	case NO_TYPE:
		attr->mode = 0644;
		break;
	case OTHER_TYPE:
		attr->mode = S_IFDIR | 0755;
		break;
	case HUGE_SIZE:
		attr->size = (uint64_t)INT64_MAX + 1;
		break;
	case NO_NODE:
		((struct fuse_entry_out *)(header + 1))->nodeid = 0;
		break;
	case NAME:
		one_entry(reply, bytes, 5);
		header->len = *bytes;
		break;
	case LIST:
		one_entry(reply, bytes, lie_offset ? lie_offset : lies);
		header->len = *bytes;
		break;
	case LINK_NUL:
		reply[17] = '\0';
		break;
	case LINK_EMPTY:
		header->len = *bytes = 16;
		break;
	}
	*used = *bytes;
}

static void tell(uint32_t opcode, enum lie what)
{
	lie_about = opcode;
	lie = what;
	lies = 0;
	host.tamper = tamper;
}

/* [FS-05]: answers that cannot be ours break the device; it comes back with a new session,
 * in which inodes of the old one mean nothing. */
static void answers_that_are_none(void **state)
{
	static const enum lie cases[] = { SHORT_HEADER, NOTHING,	OTHER_LENGTH,
					  OTHER_UNIQUE, POSITIVE_ERROR, HUGE_ERROR };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mock *mock = mounted();
		struct inode *file = a_file(mock), *again;
		struct stat stat;

		tell(FUSE_GETATTR, cases[i]);
		assert_int_equal(file->fs->operations->stat(file, &stat), -EIO);
		assert_int_equal(lies, 1);
		assert_true(mock->device.broken);
		assert_int_equal(file->fs->operations->stat(file, &stat), -EIO);
		settle();
		assert_false(mock->device.broken);
		assert_int_equal(host.sessions, 0); /* when somebody asks */
		assert_int_equal(file->fs->operations->stat(file, &stat), -ESTALE);
		assert_int_equal(file->fs->operations->read(file, data, 10, 0), -ESTALE);
		assert_int_equal(host.sessions, 1); /* [FS-03] */
		assert_int_equal(fs_resolve(NULL, "/file", false, &again), 0);
		assert_ptr_not_equal(again, file);
		assert_int_equal(again->fs->operations->read(again, data, 1000, 0), 100);
		fs_inode_put(file); /* nothing is said of it to the new server */
		assert_int_equal(host.nodes[2].lookups, 1);
		fs_inode_put(again);
		retire(mock);
	}
}

/* [FS-05]: answers whose content is impossible are errors of their call, not more. */
static void contents_that_cannot_be(void **state)
{
	static const struct {
		uint32_t opcode;
		enum lie lie;
		int error;
	} cases[] = {
		{ FUSE_GETATTR, SHORT_CONTENT, -EIO },
		{ FUSE_GETATTR, NO_TYPE, -EIO },
		{ FUSE_GETATTR, OTHER_TYPE, -EIO },
		{ FUSE_GETATTR, HUGE_SIZE, -EIO },
		{ FUSE_LOOKUP, SHORT_CONTENT, -EIO },
		{ FUSE_LOOKUP, NO_TYPE, -EIO },
		{ FUSE_LOOKUP, HUGE_SIZE, -EIO },
		{ FUSE_LOOKUP, NO_NODE, -ENOENT },
		{ FUSE_WRITE, WRITTEN_MORE, -EIO },
		{ FUSE_WRITE, SHORT_CONTENT, -EIO },
		{ FUSE_OPENDIR, SHORT_CONTENT, -EIO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mock *mock = mounted();
		struct inode *file = a_file(mock), *other, *root = fs_root();
		struct stat stat;
		int error;

		tell(cases[i].opcode, cases[i].lie);
		if (cases[i].opcode == FUSE_GETATTR)
			error = file->fs->operations->stat(file, &stat);
		else if (cases[i].opcode == FUSE_LOOKUP)
			error = fs_resolve(NULL, "/file", true, &other);
		else if (cases[i].opcode == FUSE_WRITE)
			error = (int)file->fs->operations->write(file, data, 10, 0);
		else
			error = root->fs->operations->open(root, 0);
		assert_int_equal(error, cases[i].error);
		assert_int_equal(lies, 1);
		assert_false(mock->device.broken);
		host.tamper = NULL;
		assert_int_equal(file->fs->operations->stat(file, &stat), 0);
		while (mock_run(mock))
			;
		if (cases[i].lie == NO_TYPE || cases[i].lie == HUGE_SIZE)
			assert_int_equal(host.nodes[2].lookups, 1); /* [FS-02] */
		fs_inode_put(file);
		fs_inode_put(root);
		retire(mock);
	}
}

static bool take_entry(void *context, const char *name, size_t length, uint64_t inode,
		       unsigned type, uint64_t next_offset)
{
	(void)inode;
	(void)type;
	(void)next_offset;
	assert_null(memchr(name, '/', length));
	++*(unsigned *)context;
	return true;
}

/* [FS-08]: names of a list are one component each, and lists come to an end. */
static void lists_that_lie(void **state)
{
	static const struct {
		const char *name;
		uint32_t length;
	} names[] = { { "a/b", 3 },   { "/", 1 },	   { "ab", 3 }, /* a NUL */
		      { "", 0 },      { "x", 9 },	   { "x", 256 },
		      { "x", 65536 }, { "x", UINT32_MAX }, { "x", UINT32_MAX - 23 } };
	struct mock *mock = mounted();
	struct inode *root = fs_root();
	unsigned count = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		lie_name = names[i].name;
		lie_length = names[i].length;
		tell(FUSE_READDIR, NAME);
		assert_int_equal(
			root->fs->operations->entries(root, 0, take_entry, &count), -EIO);
	}
	assert_int_equal(count, 0);
	lie_name = "again";
	lie_length = 5;
	lie_offset = 7; /* always the same place */
	tell(FUSE_READDIR, LIST);
	assert_int_equal(root->fs->operations->entries(root, 0, take_entry, &count),
			 -EIO);
	assert_in_range(lies, 1, 3);
	lie_offset = 0; /* always another one, for ever */
	tell(FUSE_READDIR, LIST);
	count = 0;
	assert_int_equal(root->fs->operations->entries(root, 0, take_entry, &count),
			 -EIO);
	assert_in_range(count, 1, 1u << 20);
	assert_false(mock->device.broken);
	fs_inode_put(root);
	retire(mock);
}

/* [FS-08] */
static void links_that_lie(void **state)
{
	static const enum lie cases[] = { LINK_NUL, LINK_EMPTY };
	struct mock *mock = mounted();
	struct inode *root = fs_root(), *inode;
	char target[64];

	(void)state;
	assert_int_equal(fs_symlink(root, "soft", 4, "target", 6), 0);
	assert_int_equal(fs_resolve(NULL, "/soft", false, &inode), 0);
	for (size_t i = 0; i < 2; i++) {
		tell(FUSE_READLINK, cases[i]);
		assert_int_equal(inode->fs->operations->readlink(inode, target, 64),
				 -EIO);
	}
	host.tamper = NULL;
	assert_int_equal(inode->fs->operations->readlink(inode, target, 64), 6);
	fs_inode_put(inode);
	fs_inode_put(root);
	retire(mock);
}

/* [FS-03] */
static void impossible_sessions(void **state)
{
	static const struct fuse_init_out answers[] = {
		{ .major = 8, .minor = 36, .max_write = 65536 },
		{ .major = 7, .minor = 30, .max_write = 65536 },
		{ .major = 7, .minor = 36, .max_write = 100 },
	};
	struct mock *mock = fuse_device(1);

	(void)state;
	assert_int_equal(mock_add(mock), 0);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		host.init = answers[i];
		assert_int_equal(fuse_type.mount("share", false, &share), -EPROTO);
	}
	assert_null(share);
	host.init.max_write = UINT32_MAX; /* as much as it likes: as much as we like */
	host.init.flags = FUSE_MAX_PAGES;
	host.init.max_pages = UINT16_MAX;
	assert_int_equal(fuse_type.mount("share", false, &share), 0);
	assert_int_equal(((struct fuse *)share)->max_write, 1 << 20);
	retire(mock);
	/* [FS-04] No request queue at all. */
	mock = fuse_device(0);
	assert_true(mock_add(mock) < 0);
	mock_remove(mock);
}

#define hostile_test(function) cmocka_unit_test_teardown(function, nothing_left)

int main(void)
{
	const struct CMUnitTest tests[] = {
		hostile_test(answers_that_are_none),
		hostile_test(contents_that_cannot_be),
		hostile_test(lists_that_lie),
		hostile_test(links_that_lie),
		hostile_test(impossible_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
