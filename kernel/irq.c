/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A vector is a message's own, or belongs to one line, which devices may share. */

#include <arch/cpu.h>
#include <arch/interrupt.h>
#include <errno.h>
#include <kernel/irq.h>
#include <kernel/lock.h>
#include <kernel/log.h>
#include <stddef.h>

#define VECTORS	      (ARCH_VECTOR_LAST - ARCH_VECTOR_FIRST + 1)
#define UNCLAIMED_MAX 1000

/* Written under `lock`; `first` and what hangs on it are followed without it. */
static struct vector {
	struct irq_handler *first;
	unsigned gsi; /* of a line */
	bool is_line, masked;
	uint16_t unclaimed; /* in a row; the dispatching CPU's */
	uint8_t running;    /* atomic: CPUs that run its handlers */
} vectors[VECTORS];
static struct spinlock lock;
static unsigned long spurious; /* on vectors that nobody has; statistics, may miss some */

static struct vector *free_vector(void)
{
	for (struct vector *v = vectors; v < vectors + VECTORS; v++)
		if (!v->first && !v->is_line)
			return v;
	return NULL;
}

static unsigned number_of(const struct vector *vector)
{
	return ARCH_VECTOR_FIRST + (unsigned)(vector - vectors);
}

static void publish(struct vector *vector, struct irq_handler *handler)
{
	handler->next = vector->first;
	__atomic_store_n(&vector->first, handler, __ATOMIC_RELEASE);
}

int irq_msi_attach(struct irq_handler *handler, struct msi_message *message)
{
	unsigned long flags = spin_lock(&lock);
	struct vector *vector = free_vector();

	if (vector) {
		publish(vector, handler);
		arch_msi_message(number_of(vector), message);
	}
	spin_unlock(&lock, flags);
	return vector ? 0 : -ENOSPC;
}

static struct vector *line_vector(unsigned gsi)
{
	for (struct vector *v = vectors; v < vectors + VECTORS; v++)
		if (v->is_line && v->gsi == gsi)
			return v;
	return NULL;
}

/* With the lock held. A line keeps its vector for good. The handler is there before the
 * line can fire, else it would count as unclaimed. */
static int line_attach(unsigned gsi, struct irq_handler *handler)
{
	struct vector *vector = line_vector(gsi);
	int error;

	if (vector) {
		publish(vector, handler);
		vector->unclaimed = 0;
		vector->masked = false;
		arch_line_mask(gsi, false);
		return 0;
	}
	vector = free_vector();
	if (!vector)
		return -ENOSPC;
	vector->unclaimed = 0;
	vector->masked = false;
	publish(vector, handler);
	error = arch_line_route(gsi, number_of(vector));
	if (error) {
		vector->first = NULL;
		return error;
	}
	vector->gsi = gsi;
	vector->is_line = true;
	return 0;
}

int irq_line_attach(unsigned gsi, struct irq_handler *handler)
{
	unsigned long flags = spin_lock(&lock);
	int error = line_attach(gsi, handler);

	spin_unlock(&lock, flags);
	return error;
}

static struct vector *vector_of(const struct irq_handler *handler)
{
	for (struct vector *v = vectors; v < vectors + VECTORS; v++)
		for (struct irq_handler *each = v->first; each; each = each->next)
			if (each == handler)
				return v;
	return NULL;
}

void irq_detach(struct irq_handler *handler)
{
	unsigned long flags = spin_lock(&lock);
	struct vector *vector = vector_of(handler);
	struct irq_handler **link;

	if (!vector) {
		spin_unlock(&lock, flags);
		return;
	}
	link = &vector->first;
	while (*link != handler)
		link = &(*link)->next;
	__atomic_store_n(link, handler->next, __ATOMIC_SEQ_CST);
	if (vector->is_line && !vector->first)
		arch_line_mask(vector->gsi, true);
	spin_unlock(&lock, flags);
	/* A dispatch on another CPU may have seen it; one on this CPU is our caller. */
	while (__atomic_load_n(&vector->running, __ATOMIC_SEQ_CST) &&
	       !this_cpu()->interrupt_depth)
		arch_relax();
}

static void unclaimed(struct vector *vector)
{
	unsigned long flags;

	if (!vector->is_line) {
		if (!vector->first)
			spurious++;
		return;
	}
	if (++vector->unclaimed < UNCLAIMED_MAX)
		return;
	flags = spin_lock(&lock);
	vector->unclaimed = 0;
	vector->masked = true;
	arch_line_mask(vector->gsi, true);
	spin_unlock(&lock, flags);
	log_warn("irq: line %u fired %u times and nobody claimed it: masked", vector->gsi,
		 UNCLAIMED_MAX);
}

void irq_dispatch(unsigned number)
{
	struct vector *vector;
	bool claimed = false;

	if (number < ARCH_VECTOR_FIRST || number > ARCH_VECTOR_LAST) {
		spurious++;
		return;
	}
	vector = &vectors[number - ARCH_VECTOR_FIRST];
	__atomic_add_fetch(&vector->running, 1, __ATOMIC_SEQ_CST);
	for (struct irq_handler *each = __atomic_load_n(&vector->first, __ATOMIC_ACQUIRE);
	     each; each = each->next) {
		if (each->handle(each->context)) {
			each->count++;
			claimed = true;
		}
	}
	__atomic_sub_fetch(&vector->running, 1, __ATOMIC_RELEASE);
	if (claimed)
		vector->unclaimed = 0;
	else
		unclaimed(vector);
}
