/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <errno.h>
#include <arch/barrier.h>
#include "textbook.h"

size_t textbook_bytes(unsigned size)
{
	return size * 16 + 4 + 2 * size + 60 + 4 + 8 * size;
}

void textbook_init(struct textbook *vq, unsigned size, void *memory, void **tokens)
{
	size_t used_at = (size * 16 + 4 + 2 * size + 63) / 64 * 64;

	*vq = (struct textbook){
		.size = size,
		.desc = memory,
		.avail = (void *)((char *)memory + size * 16),
		.used = (void *)((char *)memory + used_at),
		.free = size,
		.tokens = tokens,
	};
	for (unsigned i = 0; i < size; i++)
		vq->desc[i].next = (uint16_t)(i + 1);
}

/* §2.7.13.1, §2.7.13.2 */
int textbook_add(struct textbook *vq, const struct virtio_piece *pieces,
		 unsigned readable, unsigned writable, void *token)
{
	unsigned count = readable + writable, head = vq->free_head, at = head, last = at;

	if (count > vq->free)
		return -ENOSPC;
	for (unsigned i = 0; i < count; i++) {
		vq->desc[at].address = pieces[i].address;
		vq->desc[at].bytes = pieces[i].bytes;
		vq->desc[at].flags = RING_DESC_NEXT |
				     (i < readable ? 0 : RING_DESC_WRITE);
		last = at;
		at = vq->desc[at].next;
	}
	vq->desc[last].flags &= (uint16_t)~RING_DESC_NEXT;
	vq->free_head = at;
	vq->free -= count;
	vq->tokens[head] = token;
	vq->avail->heads[(uint16_t)(vq->avail->index + vq->added++) % vq->size] =
		(uint16_t)head;
	return 0;
}

/* §2.7.13.3, §2.7.13.4 */
bool textbook_kick_prepare(struct textbook *vq)
{
	barrier_write();
	vq->avail->index += vq->added;
	vq->added = 0;
	barrier_full();
	return !(vq->used->flags & RING_USED_NO_NOTIFY);
}

/* §2.7.14 */
void *textbook_get(struct textbook *vq, uint32_t *written)
{
	volatile struct ring_used_element *element;
	unsigned head, last, count = 1;

	if (vq->last_used == vq->used->index)
		return NULL;
	barrier_read();
	element = &vq->used->elements[vq->last_used % vq->size];
	head = last = element->id;
	*written = element->bytes;
	for (; vq->desc[last].flags & RING_DESC_NEXT; count++)
		last = vq->desc[last].next;
	vq->desc[last].next = (uint16_t)vq->free_head;
	vq->free_head = head;
	vq->free += count;
	vq->last_used++;
	return vq->tokens[head];
}

/* §2.7.7 */
void textbook_disable_cb(struct textbook *vq)
{
	vq->avail->flags = RING_AVAIL_NO_INTERRUPT;
}

bool textbook_enable_cb(struct textbook *vq)
{
	vq->avail->flags = 0;
	barrier_full();
	return vq->last_used == vq->used->index;
}
