/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Zoned disks (VIRTIO 1.3 §5.2): the disk is a row of zones of equal size, and those that
 * are written sequentially have a write pointer. A host-managed disk takes a plain write
 * there and nowhere else in such a zone; a host-aware one prefers it.
 *
 * Errors besides those of <ferrule/block.h>: -ESPIPE a write that is not at the write
 * pointer; -ETOOMANYREFS too many zones are open, -EOVERFLOW too many are active; -EINVAL
 * the zone cannot do that now. -ENOTSUP: the disk has no zones.
 * A program that refers to one of these calls can drive host-managed disks; others refuse
 * them. Context: thread. */

#ifndef FERRULE_ZONES_H
#define FERRULE_ZONES_H

#include <ferrule/block.h>

enum ferrule_zoned_model {
	FERRULE_ZONED_NONE = 0,
	FERRULE_ZONED_HOST_MANAGED = 1,
	FERRULE_ZONED_HOST_AWARE = 2,
};

struct ferrule_zones_info {
	enum ferrule_zoned_model model;
	uint32_t zone_sectors; /* the last zone may be smaller */
	uint64_t zones;
	uint32_t max_open;		  /* 0: no limit */
	uint32_t max_active;		  /* 0: no limit */
	uint32_t append_max_sectors;	  /* 0: cannot append */
	uint32_t write_granularity_bytes; /* of writes: length and place */
};
int ferrule_zones_info(struct ferrule_block *disk, struct ferrule_zones_info *out);

enum ferrule_zone_type {
	FERRULE_ZONE_CONVENTIONAL = 1,
	FERRULE_ZONE_SEQUENTIAL_REQUIRED = 2,
	FERRULE_ZONE_SEQUENTIAL_PREFERRED = 3,
};

enum ferrule_zone_state {
	FERRULE_ZONE_NO_POINTER = 0,
	FERRULE_ZONE_EMPTY = 1,
	FERRULE_ZONE_OPEN_IMPLICITLY = 2,
	FERRULE_ZONE_OPEN_EXPLICITLY = 3,
	FERRULE_ZONE_CLOSED = 4,
	FERRULE_ZONE_READ_ONLY = 13,
	FERRULE_ZONE_FULL = 14,
	FERRULE_ZONE_OFFLINE = 15,
};

struct ferrule_zone {
	uint64_t sector;   /* its first */
	uint64_t capacity; /* sectors that can be written */
	uint64_t pointer;  /* where the next write goes; 0 where there is none */
	enum ferrule_zone_type type;
	enum ferrule_zone_state state;
};

/* Up to `count` zones from the one that holds `sector` on; returns how many, or -errno. */
int ferrule_zones_report(struct ferrule_block *disk, uint64_t sector,
			 struct ferrule_zone *zones, unsigned count);

enum ferrule_zone_change {
	FERRULE_ZONE_OPEN,
	FERRULE_ZONE_CLOSE,
	FERRULE_ZONE_FINISH,
	FERRULE_ZONE_RESET,
	FERRULE_ZONE_RESET_ALL, /* all zones; `sector` is ignored */
};
/* `sector`: the zone's first. */
int ferrule_zone_change(struct ferrule_block *disk, enum ferrule_zone_change change,
			uint64_t sector);

/* Writes at the write pointer of the zone that begins at `sector`; *where: the sector it
 * went to. The same as a request: FERRULE_BLOCK_ZONE_APPEND, whose `sector` is then where.
 * It is not split: at most append_max_sectors, in at most segments_max pieces. Lost with a
 * device that breaks, it fails: it may have been written. */
int ferrule_zone_append(struct ferrule_block *disk, uint64_t sector, const void *data,
			size_t bytes, uint64_t *where);

#endif
