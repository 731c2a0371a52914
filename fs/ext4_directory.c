/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Directories: read as the files they are, block by block.
 *
 * Their entries are parsed here rather than through libext2fs: that way they come from the
 * page cache, and a listing can go on in the middle. A hashed directory reads the same: its
 * inner nodes look like unused entries. Nothing in an entry is trusted. */

#include <errno.h>
#include <string.h>
#include <fs/ext4_private.h>
#include <kernel/heap.h>
#include <kernel/log.h>

#define ENTRY_HEADER 8 /* inode, record length, name length, type */

struct entry {
	uint32_t inode;
	unsigned record; /* to the next one */
	const char *name;
	unsigned length;
	unsigned type; /* S_IF…, 0: not said */
};

static unsigned le16(const uint8_t *at)
{
	return at[0] | (unsigned)at[1] << 8;
}

static uint32_t le32(const uint8_t *at)
{
	return le16(at) | (uint32_t)le16(at + 2) << 16;
}

static unsigned type_of(uint8_t type)
{
	static const unsigned types[] = { 0,	   S_IFREG, S_IFDIR,  S_IFCHR,
					  S_IFBLK, S_IFIFO, S_IFSOCK, S_IFLNK };

	return type < sizeof(types) / sizeof(types[0]) ? types[type] : 0;
}

/* Reads the entry at `at` of a block; false when it cannot be one. */
static bool parse(const struct ext4 *ext4, const uint8_t *block, unsigned at,
		  struct entry *out)
{
	unsigned room = ext4->block_bytes - at;
	const uint8_t *bytes = block + at;

	if (room < ENTRY_HEADER)
		return false;
	out->inode = le32(bytes);
	out->record = le16(bytes + 4);
	if (ext4->block_bytes == 65536 && (out->record == 65535 || out->record == 0))
		out->record = 65536; /* does not fit in 16 bits (ext4 disk layout) */
	out->length = bytes[6];
	out->type = 0;
	if (ext2fs_has_feature_filetype(ext4->ext2->super))
		out->type = type_of(bytes[7]);
	out->name = (const char *)bytes + ENTRY_HEADER;
	return out->record >= ENTRY_HEADER && out->record % 4 == 0 &&
	       out->record <= room &&
	       (!out->inode ||
		(out->length && ENTRY_HEADER + out->length <= out->record));
}

/* Calls visit for each entry in use from byte `offset` of the directory on, until it says
 * to stop. */
static int each_entry(struct inode *directory, uint64_t offset,
		      bool (*visit)(void *context, const struct entry *entry,
				    uint64_t next),
		      void *context)
{
	struct ext4 *ext4 = ext4_of(directory);
	uint64_t size = ext4_size(ext4_node(directory));
	uint32_t block_bytes = ext4->block_bytes;
	uint64_t start = offset - offset % block_bytes;
	uint8_t *block = kmalloc(block_bytes);
	struct entry entry;
	int error = 0;
	bool more = true;

	if (!block)
		return -ENOMEM;
	for (; more && start + block_bytes <= size; start += block_bytes) {
		ssize_t got = ext4_read(directory, block, block_bytes, start);

		if (got != (ssize_t)block_bytes) {
			error = got < 0 ? (int)got : -EIO;
			break;
		}
		for (unsigned at = 0; more && at < block_bytes; at += entry.record) {
			if (!parse(ext4, block, at, &entry)) {
				log_warn(
					"ext4: %s: directory %llu is damaged at byte %llu",
					ext4->fs.source,
					(unsigned long long)directory->number,
					(unsigned long long)(start + at));
				error = -EIO;
				goto out;
			}
			if (entry.inode && start + at >= offset)
				more = visit(context, &entry, start + at + entry.record);
		}
	}
out:
	kfree(block);
	return error;
}

struct search {
	const char *name;
	size_t length;
	uint32_t inode; /* 0: not found */
};

static bool compare(void *context, const struct entry *entry, uint64_t next)
{
	struct search *search = context;

	(void)next;
	if (entry->length != search->length ||
	    memcmp(entry->name, search->name, search->length) != 0)
		return true;
	search->inode = entry->inode;
	return false;
}

int ext4_lookup(struct inode *directory, const char *name, size_t length,
		struct inode **out)
{
	struct ext4 *ext4 = ext4_of(directory);
	struct search search = { name, length, 0 };
	int error = each_entry(directory, 0, compare, &search);

	if (error)
		return error;
	if (!search.inode)
		return -ENOENT;
	mutex_lock(&ext4->mutex);
	error = ext4_get(ext4, search.inode, out);
	mutex_unlock(&ext4->mutex);
	return error;
}

struct listing {
	fs_entry_visitor visit;
	void *context;
};

static bool list(void *context, const struct entry *entry, uint64_t next)
{
	struct listing *listing = context;

	if (memchr(entry->name, '/', entry->length) ||
	    memchr(entry->name, '\0', entry->length))
		return true; /* no name a program could use */
	return listing->visit(listing->context, entry->name, entry->length, entry->inode,
			      entry->type, next);
}

int ext4_entries(struct inode *directory, uint64_t offset, fs_entry_visitor visit,
		 void *context)
{
	struct listing listing = { visit, context };

	return each_entry(directory, offset, list, &listing);
}
