/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* FUSE: listing directories. The host may lie about names and never come to an end
 * [FS-08]. */

#include <errno.h>
#include <string.h>
#include <fs/fuse.h>
#include <fs/share.h>
#include <kernel/heap.h>

/* Hands the entries of one answer on. 1: go on at *offset; 0: the visitor has enough;
 * -EIO: that is no list. */
static int hand_on(const char *list, size_t bytes, uint64_t *offset,
		   fs_entry_visitor visit, void *context, unsigned *budget)
{
	uint64_t begun_at = *offset;
	struct fuse_dirent entry;

	for (size_t at = 0; at < bytes;) {
		const char *name = list + at + sizeof(entry);

		if (bytes - at < sizeof(entry))
			return -EIO;
		memcpy(&entry, list + at, sizeof(entry));
		if (entry.namelen > bytes - at - sizeof(entry) ||
		    !share_is_name(name, entry.namelen) || !(*budget)--)
			return -EIO;
		if (!visit(context, name, entry.namelen, entry.ino, entry.type << 12,
			   entry.off))
			return 0;
		*offset = entry.off;
		at += (sizeof(entry) + entry.namelen + 7) & ~(size_t)7;
	}
	return *offset == begun_at ? -EIO : 1; /* it would say the same again for ever */
}

int fuse_entries(struct inode *directory, uint64_t offset, fs_entry_visitor visit,
		 void *context)
{
	struct fuse_inode *node = fuse_node(directory);
	char *list = kmalloc(SHARE_LIST_BYTES);
	struct fuse_io_in in = { .size = SHARE_LIST_BYTES };
	unsigned budget = SHARE_ENTRIES_MAX;
	int error = list ? 1 : -ENOMEM;

	if (list && (error = fuse_handle(node, FUSE_FOR_READING, &in.fh)) == 0)
		error = 1;
	while (error > 0) {
		struct virtio_fs_call call = { .opcode = FUSE_READDIR,
					       .arguments = &in,
					       .argument_bytes = sizeof(in),
					       .direction = VIRTIO_FS_FROM_HOST,
					       .data = list,
					       .data_bytes = SHARE_LIST_BYTES };

		in.offset = offset;
		error = fuse_call(node, &call);
		if (error || !call.data_written)
			break;
		error = hand_on(list, call.data_written, &offset, visit, context,
				&budget);
	}
	kfree(list);
	return error;
}
