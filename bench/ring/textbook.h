/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A split virtqueue as the specification's text tells it (VIRTIO 1.3 §2.7), and no more:
 * what our rings' costs are compared with. It believes the device. */

#ifndef BENCH_RING_TEXTBOOK_H
#define BENCH_RING_TEXTBOOK_H

#include <virtio/ring/ring.h>

struct textbook {
	unsigned size;
	volatile struct ring_desc_fields {
		uint64_t address;
		uint32_t bytes;
		uint16_t flags, next;
	} * desc; /* free ones are chained by `next` */
	volatile struct ring_avail *avail;
	volatile struct ring_used *used;
	unsigned free_head, free;
	uint16_t last_used, added;
	void **tokens; /* by head */
};

/* `memory`: zeroed, as large as textbook_bytes() says, aligned to a page. */
size_t textbook_bytes(unsigned size);
void textbook_init(struct textbook *vq, unsigned size, void *memory, void **tokens);

int textbook_add(struct textbook *vq, const struct virtio_piece *pieces,
		 unsigned readable, unsigned writable, void *token);
bool textbook_kick_prepare(struct textbook *vq);
void *textbook_get(struct textbook *vq, uint32_t *written);
void textbook_disable_cb(struct textbook *vq);
bool textbook_enable_cb(struct textbook *vq);

#endif
