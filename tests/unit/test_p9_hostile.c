/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	tests/unit/host/files.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/virtqueue.c kernel/format.c
 *	virtio/device/exchange.c virtio/device/exchange_setup.c virtio/device/watchdog.c virtio/device/p9.c virtio/device/pieces.c
 *	fs/p9.c fs/p9_inode.c fs/p9_data.c fs/p9_names.c fs/share.c fs/names.c
 *	fs/tree.c fs/change.c */

/* Files by 9p, against a server that is not honest. */

#include "p9_mounted.h"

static uint8_t back[FILE_BYTES];

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
	MODE,
	SLASH,
	NUL,
	LENGTH,
	LOOP
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
		memcpy(answer + 7, "\0\2\0\0", 4);
		size = *bytes = 11;
	}
	if (lie == MORE) /* a count beyond what there is */
		answer[7]++;
	if (lie == CUT)
		size = *bytes -= 1;
	if (lie == MODE)
		memset(answer + 28, 0, 4);
	if (lie == SLASH ||
	    lie == NUL) /* of the first entry's name, or a link's target */
		answer[type == P9_TREADLINK ? 9 : 11 + 24] = lie == SLASH ? '/' : '\0';
	if (lie == LENGTH)
		answer[11 + 23] = 0xff;
	if (lie == LOOP) /* every entry leads to the same place */
		for (unsigned entry = 11; entry < size; entry += 24u + answer[entry + 22])
			memset(answer + entry + 13, 0, 8);
	memcpy(answer, &size, 4);
	*used = *bytes;
}

/* [FS-08]: names are one component each, lists end, targets have no NUL. */
static void names_that_lie(void **state)
{
	static const enum lie cases[] = { SLASH, NUL, LENGTH, LOOP };
	struct mock *mock = mounted();
	struct inode *root = fs_root(), *soft;
	const struct fs_operations *all = root->fs->operations;
	unsigned count = 0;

	(void)state;
	host_make("file", S_IFREG | 0644);
	lie_about = P9_TREADDIR;
	host.tamper = tamper;
	for (size_t i = 0; i < 4; i++) {
		lie = cases[i];
		lies = 0;
		assert_int_equal(all->entries(root, 0, count_entry, &count), -EIO);
		assert_in_range(lies, 1, 3);
	}
	assert_int_equal(fs_symlink(root, "soft", 4, "target", 6), 0);
	soft = resolve("/soft");
	lie_about = P9_TREADLINK;
	lie = NUL;
	assert_int_equal(all->readlink(soft, (char *)back, 100), -EIO);
	lie = MORE;
	assert_int_equal(all->readlink(soft, (char *)back, 100), -EIO);
	host.tamper = NULL;
	assert_int_equal(all->readlink(soft, (char *)back, 100), 6);
	fs_inode_put(soft);
	fs_inode_put(root);
	retire(mock);
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

/* [VQ-26] The queue alone, when nothing is in it: what the host knows of us stays. */
static void an_idle_queue_breaks(void **state)
{
	struct mock *mock = device("hello");
	struct inode *file;
	struct stat stat;

	(void)state;
	mock_offer(mock, VIRTIO_F_RING_RESET);
	assert_int_equal(mock_add(mock), 0);
	assert_int_equal(p9_type.mount("hello", false, &share), 0);
	host_make("file", S_IFREG | 0644);
	file = resolve("/file");
	virtio_queue_break(mock->device.queues[0], "a test");
	settle();
	assert_int_equal(file->fs->operations->stat(file, &stat), 0);
	assert_int_equal(host.sessions, 1);
	assert_int_equal(mock->device.counters.queue_resets, 1);
	assert_int_equal(mock->device.counters.recoveries, 0);
	fs_inode_put(file);
	retire(mock);
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

/* [P9-02]: a fid that is given back late, of a session that ended, is not used twice; and the
 * root, which was open then, can be listed again. */
static void fids_of_old(void **state)
{
	struct mock *mock = mounted();
	struct p9 *p9 = (struct p9 *)share;
	unsigned old = p9->session;
	struct inode *root = fs_root();
	unsigned count = 0;
	uint32_t fid;

	(void)state;
	host.files[host_make("file", S_IFREG | 0644)].size = 100;
	assert_int_equal(p9_type.entries(root, 0, count_entry, &count), 0);
	virtio_device_break(&mock->device, "a test");
	settle();
	fs_inode_put(resolve("/file"));
	assert_int_not_equal(p9->session, old);
	assert_int_equal(p9_type.entries(root, 0, count_entry, &count), 0);
	assert_int_equal(count, 2);
	fs_inode_put(root);
	fid = p9_fid_new(p9);
	p9_fid_free(p9, old, fid);
	assert_int_not_equal(p9_fid_new(p9), fid);
	p9_fid_free(p9, p9->session, fid);
	assert_int_equal(p9_fid_new(p9), fid);
	retire(mock);
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

static void spoil(uint8_t type, uint8_t *reply, uint32_t *bytes, uint32_t *used)
{
	(void)type;
	(void)bytes;
	(void)used;
	reply[0]++; /* its length */
}

/* Who looks at an answer after the device went, and is freed, has no device to blame. */
static void an_answer_outlives_the_device(void **state)
{
	struct mock *mock = mounted();
	struct p9 *p9 = (struct p9 *)share;
	struct p9_call call = { .type = P9_TSTATFS };

	(void)state;
	host.tamper = spoil;
	assert_int_equal(p9_begin(p9->root, &call), 0);
	virtio_p9_submit(&call);
	assert_true(mock_run(mock));
	mock_unplug(mock);
	mock_remove(mock);
	assert_int_equal(virtio_p9_finish(&call), -EIO);
	assert_int_equal(p9_begin(p9->root, &call), -ENODEV);
	assert_int_equal(p9_type.mount("hello", false, &(struct fs *){ NULL }), -ENODEV);
	share->operations->unmount(share);
	share = NULL;
	assert_int_equal(host_page_live, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		p9_test(answers_that_are_none),		p9_test(an_idle_queue_breaks),
		p9_test(contents_that_cannot_be),	p9_test(names_that_lie),
		p9_test(impossible_sessions),		p9_test(fids_of_old),
		p9_test(an_answer_outlives_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
