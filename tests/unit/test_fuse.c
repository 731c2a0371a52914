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

/* Files by FUSE over virtio-fs, against a server that is honest. */

#include "fuse_host.h"

static uint8_t data[FILE_BYTES], back[FILE_BYTES];

static struct inode *resolve(const char *path)
{
	struct inode *inode;

	assert_int_equal(fs_resolve(NULL, path, false, &inode), 0);
	return inode;
}

static void fill(void)
{
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + (i >> 8));
}

/* [FS-03] [FS-04]: one INIT, a tag that fills its field, names as the host has them. */
static void mounting(void **state)
{
	struct mock *mock = fuse_device(1);
	struct virtio_fs *device;

	(void)state;
	memset(mock->config, 'x', 36); /* no NUL */
	assert_int_equal(mock_add(mock), 0);
	assert_null(virtio_fs_find("share"));
	device = virtio_fs_find("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	assert_non_null(device);
	assert_null(virtio_fs_find("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
	assert_int_equal(fuse_type.mount("none", false, &share), -ENODEV);
	assert_int_equal(
		fuse_type.mount("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", false, &share),
		0);
	assert_int_equal(host.seen[FUSE_INIT], 1);
	assert_int_equal(((struct fuse *)share)->max_write, 8 * 4096);
	retire(mock);
	assert_int_equal(host.seen[FUSE_DESTROY], 1);
}

/* [FS-01] [FS-04]: hiprio is queue 0; as many request queues as are of use, each used. */
static void several_queues(void **state)
{
	struct mock *mock = fuse_device(9);

	(void)state;
	assert_int_equal(mock_add(mock), 0);
	assert_true(mock->queues[0].enabled);
	for (unsigned i = 1; i < 10; i++)
		assert_int_equal(mock->queues[i].enabled, i <= EXCHANGE_QUEUES_MAX);
	assert_int_equal(fuse_type.mount("share", false, &share), 0);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(share->operations->statfs(share, &(struct statfs){ 0 }),
				 -ENOSYS);
	for (unsigned i = 1; i <= EXCHANGE_QUEUES_MAX; i++)
		assert_true(mock->queues[i].popped > 0);
	assert_int_equal(host.sessions, 1); /* [FS-03] for all of them */
	retire(mock);
}

/* [FS-03] [FS-06]: contents, in requests within the limits, several in flight; each only
 * when what it depends on was answered, which the server checks. */
static void contents(void **state)
{
	struct mock *mock = mounted();
	struct inode *root = fs_root(), *file;
	struct stat stat;

	(void)state;
	fill();
	assert_int_equal(fs_create(root, "file", 4, S_IFREG | 0640, &file), 0);
	assert_int_equal(file->fs->operations->write(file, data, 300000, 5), 300000);
	assert_int_equal(host.size_max, 8 * 4096);
	assert_in_range(host.in_flight_max, 2, 4);
	assert_int_equal(file->fs->operations->stat(file, &stat), 0);
	assert_int_equal(stat.st_size, 300005);
	assert_int_equal(stat.st_mode, S_IFREG | 0640);
	assert_int_equal(file->fs->operations->read(file, back, 400000, 5), 300000);
	assert_memory_equal(back, data, 300000);
	assert_int_equal(file->fs->operations->read(file, back, 10, 300005), 0);
	assert_int_equal(file->fs->operations->truncate(file, 100), 0);
	assert_int_equal(file->fs->operations->stat(file, &stat), 0);
	assert_int_equal(stat.st_size, 100);
	assert_int_equal(file->fs->operations->sync_file(file), 0);
	assert_int_equal(file->fs->operations->write(file, data, 65536, FILE_BYTES - 100),
			 -EFBIG);
	fs_inode_put(file);
	fs_inode_put(root);
	fs_names_drop_all();
	while (mock_run(mock))
		;
	/* [FS-02] All that was counted for us is given back, by the hiprio queue. */
	for (unsigned i = 2; i < NODES; i++) {
		assert_int_equal(host.nodes[i].lookups, 0);
		assert_int_equal(host.nodes[i].open, 0);
	}
	assert_true(mock->queues[0].popped > 0);
	retire(mock);
}

static bool count_entry(void *context, const char *name, size_t length, uint64_t inode,
			unsigned type, uint64_t next_offset)
{
	(void)name;
	(void)type;
	(void)next_offset;
	assert_in_range(length, 1, 255);
	assert_in_range(inode, 102, 100 + NODES);
	return ++*(unsigned *)context < 1000;
}

static void names(void **state)
{
	struct mock *mock = mounted();
	struct inode *root = fs_root(), *inode, *again;
	char name[255], target[16];
	unsigned count = 0;

	(void)state;
	memset(name, 'n', sizeof(name));
	for (unsigned i = 0; i < 40; i++) {
		name[254] = (char)('A' + i);
		assert_int_equal(fs_mkdir(root, name, 255, S_IFDIR | 0755), 0);
	}
	assert_int_equal(fs_mkdir(root, name, 255, S_IFDIR | 0755), -EEXIST);
	assert_int_equal(root->fs->operations->entries(root, 0, count_entry, &count), 0);
	assert_int_equal(count, 40);
	assert_int_equal(fs_symlink(root, "soft", 4, "target", 6), 0);
	inode = resolve("/soft");
	assert_int_equal(inode->fs->operations->readlink(inode, target, 4), 4);
	assert_memory_equal(target, "targ", 4);
	again = resolve("/soft");
	assert_ptr_equal(inode, again); /* one file, one inode */
	fs_inode_put(again);
	fs_inode_put(inode);
	assert_int_equal(fs_unlink(root, "soft", 4), 0);
	assert_int_equal(fs_unlink(root, "soft", 4), -ENOENT);
	assert_int_equal(fs_rmdir(root, name, 255), 0);
	assert_int_equal(fs_resolve(NULL, "/soft", true, &inode), -ENOENT);
	fs_inode_put(root);
	retire(mock);
}

/* What the host says about how long answers hold is kept to. */
static void timeouts(void **state)
{
	struct mock *mock = mounted();
	struct stat stat;
	unsigned asked;
	struct inode *inode;

	(void)state;
	host.valid_s = 5;
	host_make(1, "file", S_IFREG | 0644);
	inode = resolve("/file");
	asked = host.seen[FUSE_LOOKUP];
	for (unsigned i = 0; i < 3; i++) {
		fs_inode_put(resolve("/file"));
		assert_int_equal(inode->fs->operations->stat(inode, &stat), 0);
	}
	assert_int_equal(host.seen[FUSE_LOOKUP], asked);
	assert_int_equal(host.seen[FUSE_GETATTR], 1); /* the root's, when mounted */
	host_clock_advance(6 * NS_PER_SEC);
	host.nodes[2].size = 77; /* the host changes it */
	assert_int_equal(inode->fs->operations->stat(inode, &stat), 0);
	assert_int_equal(stat.st_size, 77);
	fs_inode_put(resolve("/file"));
	assert_int_equal(host.seen[FUSE_LOOKUP], asked + 1);
	/* A name that was not there may be there now. */
	assert_int_equal(fs_resolve(NULL, "/new", true, &(struct inode *){ 0 }), -ENOENT);
	host_make(1, "new", S_IFREG | 0644);
	fs_inode_put(resolve("/new"));
	fs_inode_put(inode);
	retire(mock);
}

static void open_of_special_files(void **state)
{
	struct mock *mock = mounted();
	struct inode *inode;

	(void)state;
	host_make(1, "device", S_IFCHR | 0644);
	inode = resolve("/device");
	assert_int_equal(inode->fs->operations->open(inode, 0), -ENXIO);
	fs_inode_put(inode);
	assert_int_equal(host.seen[FUSE_OPEN], 0);
	retire(mock);
}

static uint8_t *window_memory;
static unsigned mapped;

/* A mapping is a copy: a look at it beyond the file's end finds what no file has. */
static int host_mapping(uint32_t opcode, unsigned id, const uint8_t *body)
{
	struct fuse_setupmapping_in in;
	struct fuse_removemapping_in remove;

	if (opcode != FUSE_SETUPMAPPING && opcode != FUSE_REMOVEMAPPING)
		return -ENOSYS;
	if (opcode == FUSE_REMOVEMAPPING) {
		memcpy(&remove, body, sizeof(remove));
		assert_int_equal(remove.count, 1);
		memset(window_memory + remove.moffset, 0xee, remove.len);
		mapped--;
		return 0;
	}
	memcpy(&in, body, sizeof(in));
	assert_int_equal(in.fh, HANDLE + id);
	assert_int_equal(in.flags, FUSE_MAPPING_READ);
	assert_int_equal((in.moffset | in.foffset) % (2u << 20), 0);
	memset(window_memory + in.moffset, 0xee, in.len);
	if (in.foffset < host.nodes[id].size)
		memcpy(window_memory + in.moffset, host.nodes[id].data + in.foffset,
		       host.nodes[id].size - in.foffset);
	mapped++;
	return 0;
}

/* [FS-07]: reads go through the window where there is one, chunks are taken again when it is
 * full, and nothing beyond a file's end is looked at. */
static void window(void **state)
{
	struct mock *mock = fuse_device(1);
	struct inode *files[3];
	char name[2] = "a";

	(void)state;
	fill();
	window_memory = aligned_alloc(4096, 4u << 20); /* two chunks */
	mock->shared[0] = (struct virtio_shared_memory){ (uintptr_t)window_memory,
							 4u << 20 };
	host.more = host_mapping;
	assert_int_equal(mock_add(mock), 0);
	assert_int_equal(fuse_type.mount("share", false, &share), 0);
	for (unsigned i = 0; i < 3; i++, name[0]++) {
		host.nodes[host_make(1, name, S_IFREG | 0644)].size = 1000 + i;
		memset(host.nodes[2 + i].data, (int)i, 1000 + i);
		assert_int_equal(fs_resolve(NULL, name, true, &files[i]), 0);
	}
	for (unsigned turn = 0; turn < 9; turn++) {
		unsigned i = turn % 3;

		memset(back, 0x77, 2000);
		assert_int_equal(fuse_type.read(files[i], back, 2000, 1), 999 + i);
		assert_int_equal(back[0], i);
		assert_int_equal(back[998 + i], i);
		assert_int_equal(back[999 + i], 0x77);
		assert_int_equal(fuse_type.read(files[i], back, 10, 2000), 0);
		assert_in_range(mapped, 1, 2);
	}
	assert_int_equal(host.seen[FUSE_READ], 0);
	assert_int_equal(fuse_type.read(files[2], back, 10, 0), 10);
	assert_int_equal(host.seen[FUSE_SETUPMAPPING], 9); /* the last one was there */
	for (unsigned i = 0; i < 3; i++)
		fs_inode_put(files[i]);
	fs_names_drop_all();
	assert_int_equal(mapped, 0);
	free(window_memory);
	window_memory = NULL;
	retire(mock);
}

/* [FS-07]: without a window, with one that is too small, and with a host that does not map:
 * by requests. */
static void no_window(void **state)
{
	static const uint64_t sizes[] = { 0, 4096, 2u << 20 };
	uint8_t *memory = aligned_alloc(4096, 2u << 20);

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct mock *mock = fuse_device(1);
		struct inode *file;

		mock->shared[0] = (struct virtio_shared_memory){ (uintptr_t)memory,
								 sizes[i] };
		assert_int_equal(mock_add(mock), 0);
		assert_int_equal(fuse_type.mount("share", false, &share), 0);
		host.nodes[host_make(1, "a", S_IFREG | 0644)].size = 1000;
		file = resolve("/a");
		assert_int_equal(fuse_type.read(file, back, 2000, 0), 1000);
		assert_int_equal(host.seen[FUSE_READ], 1);
		fs_inode_put(file);
		retire(mock);
	}
	free(memory);
}

static int nothing_left(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NODES; i++) {
		free(host.nodes[i].data);
		host.nodes[i].data = NULL;
	}
	return host_page_live != 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(mounting, nothing_left),
		cmocka_unit_test_teardown(several_queues, nothing_left),
		cmocka_unit_test_teardown(contents, nothing_left),
		cmocka_unit_test_teardown(names, nothing_left),
		cmocka_unit_test_teardown(window, nothing_left),
		cmocka_unit_test_teardown(no_window, nothing_left),
		cmocka_unit_test_teardown(timeouts, nothing_left),
		cmocka_unit_test_teardown(open_of_special_files, nothing_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
