/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	tests/unit/host/files.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/virtqueue.c kernel/format.c
 *	virtio/device/exchange.c virtio/device/p9.c virtio/device/pieces.c
 *	fs/p9.c fs/p9_inode.c fs/p9_data.c fs/p9_names.c fs/share.c fs/names.c
 *	fs/tree.c fs/change.c */

/* Files by 9p, against a server that is honest, and one that is not. */

#include "p9_host.h"

static struct fs *share;
static uint8_t data[FILE_BYTES], back[FILE_BYTES];

struct inode *fs_root(void)
{
	return share->operations->root(share);
}

const struct mount *fs_mount_at(const struct inode *parent, const char *name,
				size_t length)
{
	(void)parent;
	(void)name;
	(void)length;
	return NULL;
}

const struct mount *fs_mount_of_root(const struct inode *root)
{
	static struct mount mount;

	return root == &((struct p9 *)share)->root->inode ? &mount : NULL;
}

bool fs_is_mount_point(const struct inode *directory, const char *name, size_t length)
{
	return fs_mount_at(directory, name, length);
}

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

/* [P9-01]: the tag "hello" is read back; a device without the feature is not used. */
static void tags(void **state)
{
	struct mock *mock = device("hello");

	(void)state;
	assert_int_equal(mock_add(mock), 0);
	assert_non_null(virtio_p9_find("hello"));
	assert_null(virtio_p9_find("hell"));
	retire(mock);
	mock = device("other");
	mock_withhold(mock, 0);
	assert_true(mock_add(mock) < 0);
	mock_remove(mock);
	assert_null(virtio_p9_find("other"));
}

/* [P9-02] [P9-04]: contents come and go in place, within msize, several in flight; each
 * fid is given back. */
static void contents(void **state)
{
	struct mock *mock = device("hello");
	struct inode *root, *file;
	struct stat stat;
	unsigned known = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + (i >> 8));
	host.msize_answer = 8192;
	assert_int_equal(mock_add(mock), 0);
	assert_int_equal(p9_type.mount("hello", false, &share), 0);
	root = fs_root();
	assert_int_equal(fs_create(root, "file", 4, S_IFREG | 0640, &file), 0);
	assert_int_equal(file->fs->operations->write(file, data, 300000, 5), 300000);
	assert_int_equal(host.read_max, 8192 - 23);
	assert_in_range(host.in_flight_max, 2, 4);
	assert_true(host.most_pieces >= 3); /* payload in descriptors of its own */
	assert_int_equal(file->fs->operations->stat(file, &stat), 0);
	assert_int_equal(stat.st_size, 300005);
	assert_int_equal(stat.st_mode, S_IFREG | 0640);
	assert_int_equal(file->fs->operations->read(file, back, 400000, 5), 300000);
	assert_memory_equal(back, data, 300000);
	assert_int_equal(file->fs->operations->read(file, back, 10, 300005), 0);
	assert_int_equal(file->fs->operations->truncate(file, 100), 0);
	assert_int_equal(file->fs->operations->read(file, back, 1000, 0), 100);
	assert_int_equal(file->fs->operations->sync_file(file), 0);
	assert_int_equal(file->fs->operations->write(file, data, 100, FILE_BYTES),
			 -EFBIG);
	fs_inode_put(file);
	fs_inode_put(root);
	fs_names_drop_all();
	for (unsigned i = 0; i < FIDS; i++)
		known += host.fids[i].known;
	assert_int_equal(known, 1); /* the root's */
	retire(mock);
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

/* [P9-02] */
static void names(void **state)
{
	struct mock *mock = mounted();
	struct inode *root = fs_root(), *inode, *again;
	char longest[255], target[4096];
	unsigned count = 0;

	(void)state;
	memset(longest, 'n', sizeof(longest));
	assert_int_equal(fs_mkdir(root, longest, 255, S_IFDIR | 0755), 0);
	assert_int_equal(fs_mkdir(root, longest, 255, S_IFDIR | 0755), -EEXIST);
	assert_int_equal(fs_rename(root, longest, 255, root, "d", 1), 0);
	inode = resolve("/d");
	host_clock_advance(2 * NS_PER_SEC); /* its name is asked for again */
	again = resolve("/d");
	assert_ptr_equal(inode, again); /* a directory is one inode */
	fs_inode_put(again);
	assert_int_equal(fs_resolve(inode, "..", true, &again), 0);
	assert_ptr_equal(again, root);
	fs_inode_put(again);
	fs_inode_put(inode);
	memset(target, 't', sizeof(target));
	for (size_t length = 1; length < 4096; length = length * 3 + 1) {
		assert_int_equal(fs_symlink(root, "soft", 4, target, length), 0);
		inode = resolve("/soft");
		assert_int_equal(
			inode->fs->operations->readlink(inode, (char *)back, 4096),
			length);
		assert_memory_equal(back, target, length);
		fs_inode_put(inode);
		assert_int_equal(fs_unlink(root, "soft", 4), 0);
	}
	for (unsigned i = 0; i < 8; i++) {
		longest[0] = (char)('a' + i);
		assert_int_equal(fs_mkdir(root, longest, 255, S_IFDIR), 0);
	}
	assert_int_equal(root->fs->operations->entries(root, 0, count_entry, &count), 0);
	assert_int_equal(count, 9);
	fs_inode_put(root);
	retire(mock);
}

/* What is wrong with the next answers to this type. */
static uint8_t lie_about;
static unsigned lies;
static enum lie {
	SHORT,
	OTHER_SIZE,
	OTHER_TAG,
	OTHER_TYPE,
	NO_ERROR,
	MORE,
	CUT,
	MODE
} lie;

static void tamper(uint8_t type, uint8_t *answer, uint32_t *bytes, uint32_t *used)
{
	uint32_t size;

	if (type != lie_about)
		return;
	lies++;
	memcpy(&size, answer, 4);
	if (lie == SHORT)
		size = *bytes = 6;
	if (lie == OTHER_SIZE)
		size++;
	if (lie == OTHER_TAG)
		answer[5] ^= 0x40;
	if (lie == OTHER_TYPE)
		answer[4] += 2;
	if (lie == NO_ERROR) {
		answer[4] = P9_RLERROR;
		memset(answer + 7, 0xff, 4);
		size = *bytes = 11;
	}
	if (lie == MORE) /* a count beyond what there is */
		answer[7]++;
	if (lie == CUT)
		size = *bytes -= 1;
	if (lie == MODE)
		memset(answer + 28, 0, 4);
	memcpy(answer, &size, 4);
	*used = *bytes;
}

static void settle(void)
{
	host.tamper = NULL;
	for (unsigned i = 0; i < 20; i++) {
		host_clock_advance(100 * NS_PER_MS);
		host_threads_run();
	}
}

/* [P9-03]: answers that cannot be ours break the device; it comes back, and is attached
 * anew when somebody asks: fids of old mean nothing. */
static void answers_that_are_none(void **state)
{
	static const enum lie cases[] = { SHORT, OTHER_SIZE, OTHER_TAG, OTHER_TYPE };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mock *mock = mounted();
		struct inode *file, *again;
		struct stat stat;

		host.files[host_make("file", S_IFREG | 0644)].size = 100;
		file = resolve("/file");
		lie_about = P9_TGETATTR;
		lie = cases[i];
		host.tamper = tamper;
		assert_int_equal(file->fs->operations->stat(file, &stat), -EIO);
		assert_true(mock->device.broken);
		settle();
		assert_false(mock->device.broken);
		assert_int_equal(host.sessions, 1);
		assert_int_equal(file->fs->operations->stat(file, &stat), -ESTALE);
		assert_int_equal(host.sessions, 2);
		again = resolve("/file");
		assert_int_equal(again->fs->operations->read(again, back, 1000, 0), 100);
		fs_inode_put(file);
		fs_inode_put(again);
		retire(mock);
	}
}

/* [P9-03]: content that cannot be is an error of its call, not more. */
static void contents_that_cannot_be(void **state)
{
	static const struct {
		uint8_t type;
		enum lie lie;
	} cases[] = { { P9_TGETATTR, NO_ERROR }, { P9_TGETATTR, CUT },
		      { P9_TGETATTR, MODE },	 { P9_TREAD, MORE },
		      { P9_TREAD, CUT },	 { P9_TREAD, NO_ERROR },
		      { P9_TWRITE, MORE },	 { P9_TWRITE, CUT },
		      { P9_TWALK, MORE },	 { P9_TWALK, CUT },
		      { P9_TREADDIR, MORE },	 { P9_TREADDIR, CUT },
		      { P9_TSTATFS, NO_ERROR } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mock *mock = mounted();
		struct inode *file, *other, *root = fs_root();
		const struct fs_operations *all = root->fs->operations;
		unsigned count = 0;
		struct stat stat;
		int error;

		host.files[host_make("file", S_IFREG | 0644)].size = 100;
		file = resolve("/file");
		assert_int_equal(all->read(file, back, 100, 0), 100);
		lie_about = cases[i].type;
		lie = cases[i].lie;
		host.tamper = tamper;
		lies = 0;
		error = lie_about == P9_TGETATTR ? all->stat(file, &stat)
			: lie_about == P9_TREAD	 ? (int)all->read(file, back, 100, 0)
			: lie_about == P9_TWRITE ? (int)all->write(file, back, 100, 0)
			: lie_about == P9_TSTATFS
				? all->statfs(share, &(struct statfs){ 0 })
			: lie_about == P9_TWALK
				? all->lookup(root, "file", 4, &other)
				: all->entries(root, 0, count_entry, &count);
		assert_int_equal(error, -EIO);
		assert_int_equal(lies, 1);
		assert_false(mock->device.broken);
		host.tamper = NULL;
		assert_int_equal(all->stat(file, &stat), 0);
		fs_inode_put(file);
		fs_inode_put(root);
		retire(mock);
	}
}

/* [P9-01] [P9-02]: a message size that cannot be worked with, or more than was asked. */
static void impossible_sessions(void **state)
{
	static const uint32_t sizes[] = { 1, 4095, 1u << 30 };
	struct mock *mock = device("hello");

	(void)state;
	assert_int_equal(mock_add(mock), 0);
	for (size_t i = 0; i < 3; i++) {
		host.msize_answer = sizes[i];
		assert_int_equal(p9_type.mount("hello", false, &share), -EPROTO);
	}
	share = NULL;
	host.silent = true;
	assert_int_equal(p9_type.mount("hello", false, &share), -EIO);
	retire(mock);
}

static int nothing_left(void **state)
{
	(void)state;
	fs_names_drop_all();
	return host_page_live != 0;
}

#define p9_test(function) cmocka_unit_test_teardown(function, nothing_left)

int main(void)
{
	const struct CMUnitTest tests[] = {
		p9_test(tags),
		p9_test(contents),
		p9_test(names),
		p9_test(answers_that_are_none),
		p9_test(contents_that_cannot_be),
		p9_test(impossible_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
