/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The packed ring between a driver and a device that both sleep when there is nothing to
 * do: no wake-up is lost, nothing is read before it is written, and the wrap counters tell
 * the laps apart [PQ-02] [PQ-03] [PQ-04] [PQ-10] [PQ-11] [PQ-13] [PQ-14].
 *
 *	EVENT_IDX	  the event structures name a descriptor, else they say yes or no
 *			  (VIRTIO 1.3 §2.8.10, §2.8.14)
 *	NO_KICK_BARRIER	  without the barrier between a descriptor's flags and the look at
 *			  what the device wants (§2.8.21.3.1)
 *	NO_ARM_BARRIER	  without the barrier between asking for an interrupt and the second
 *			  look at the descriptor
 *	NO_FLAGS_BARRIER  without the barrier between a descriptor's other fields and its
 *			  flags (§2.8.17)
 *
 * Three descriptors, so that batches straddle the end; offsets count modulo 16. */

#define SIZE  3
#define TOTAL 5
#define WRAP(x) ((x) & 15)

#define DATA	     0 /* SIZE words, the driver's: address, length and id of a descriptor */
#define DRIVER_EVENT 3 /* the driver's event structure; read by one load (§2.8.10) */
#define DEVICE_EVENT 4 /* the device's */
#define WRITTEN	     5 /* SIZE words, the device's: id and length */
#define FLAGS	     8 /* SIZE words, written by both sides in turn */
#define WORDS	     14 /* the last SIZE are buffers only: the device's stores to FLAGS */

#include "memory.inc"

/* AVAIL and USED of a descriptor's flags (§2.8.1). */
#define AS_AVAIL(wrap) ((wrap) + 2 * (1 - (wrap)))
#define AS_USED(wrap)  (3 * (wrap))

/* An event structure: flags, and with EVENT_IDX the offset and wrap of a descriptor. */
#define EVENT_ENABLE  0
#define EVENT_DISABLE 1
#define EVENT_DESC(slot, wrap) (2 + 4 * (slot) + 64 * (wrap))
#define EVENT_IS_DESC(event) ((event) & 2)
#define EVENT_SLOT(event)    (((event) >> 2) & 15)
#define EVENT_WRAP(event)    ((event) >> 6)

/* §2.8.10: slot and wrap are those after the last of `count` new descriptors. */
#define EVENT_OFFSET(event, wrap) \
	(EVENT_SLOT(event) - (EVENT_WRAP(event) != (wrap) -> SIZE : 0))
#define WANTED(event, slot, wrap, count)                                           \
	(EVENT_IS_DESC(event) ->                                                   \
		 (WRAP(slot - EVENT_OFFSET(event, wrap) - 1) < (count)) :          \
		 (event) == EVENT_ENABLE)

bool kick, interrupt;

#define FLUSH_USED(i)                                    \
	atomic {                                         \
		nempty(buffer[FLAGS + SIZE + i]) ->      \
			buffer[FLAGS + SIZE + i]?memory[FLAGS + i] \
	}

active proctype flush()
{
end:	do
	:: FLUSH(0) :: FLUSH(1) :: FLUSH(2) :: FLUSH(3) :: FLUSH(4) :: FLUSH(5)
	:: FLUSH(6) :: FLUSH(7) :: FLUSH(8) :: FLUSH(9) :: FLUSH(10)
	:: FLUSH_USED(0) :: FLUSH_USED(1) :: FLUSH_USED(2)
	od
}

/* A side sees its own store to a descriptor's flags before memory does; then the other has
 * not written them yet. */
#define DRIVER_SEES_USED(slot, wrap) \
	(ARRIVED(FLAGS + slot) && LOAD(FLAGS + slot) == AS_USED(wrap))
#define DEVICE_SEES_AVAIL(slot, wrap) \
	(ARRIVED(FLAGS + SIZE + slot) && LOAD(FLAGS + slot) == AS_AVAIL(wrap))

active proctype driver()
{
	byte added, taken, batch, slot, take, event;
	bit wrap = 1, take_wrap = 1;

	do
	:: taken < TOTAL && added < TOTAL && added - taken < SIZE ->
		batch = 0;
		do
		:: added < TOTAL && added - taken < SIZE ->
			STORE(DATA + slot, added + 1);
#ifndef NO_FLAGS_BARRIER
			ARRIVED(DATA + slot);
#endif
			STORE(FLAGS + slot, AS_AVAIL(wrap));
			added++;
			batch++;
			slot = (slot + 1) % SIZE;
			if
			:: slot == 0 -> wrap = 1 - wrap
			:: else
			fi
		:: batch -> break
		od;
#ifndef NO_KICK_BARRIER
		ARRIVED(FLAGS) && ARRIVED(FLAGS + 1) && ARRIVED(FLAGS + 2);
#endif
		event = LOAD(DEVICE_EVENT);
		if
		:: WANTED(event, slot, wrap, batch) -> kick = true
		:: else
		fi
	:: taken < TOTAL && added > taken && (added == TOTAL || added - taken == SIZE) ->
#ifdef EVENT_IDX
		STORE(DRIVER_EVENT, EVENT_DESC(take, take_wrap));
#else
		STORE(DRIVER_EVENT, EVENT_ENABLE);
#endif
#ifndef NO_ARM_BARRIER
		ARRIVED(DRIVER_EVENT);
#endif
		if
		:: DRIVER_SEES_USED(take, take_wrap)
		:: else ->
			interrupt;
			interrupt = false
		fi;
#ifndef EVENT_IDX
		STORE(DRIVER_EVENT, EVENT_DISABLE);
#endif
		do
		:: taken < added && DRIVER_SEES_USED(take, take_wrap) ->
			assert(LOAD(WRITTEN + take) == taken + 1);
			taken++;
			take = (take + 1) % SIZE;
			if
			:: take == 0 -> take_wrap = 1 - take_wrap
			:: else
			fi
		:: else -> break
		od
	:: taken == TOTAL -> break
	od
}

active proctype device()
{
	byte got, batch, slot, event;
	bit wrap = 1;

	do
	:: DEVICE_SEES_AVAIL(slot, wrap) ->
#ifndef EVENT_IDX
		STORE(DEVICE_EVENT, EVENT_DISABLE);
#endif
		batch = 0;
		do
		:: DEVICE_SEES_AVAIL(slot, wrap) ->
			assert(LOAD(DATA + slot) == got + 1);
			STORE(WRITTEN + slot, got + 1);
			ARRIVED(WRITTEN + slot);
			STORE(FLAGS + SIZE + slot, AS_USED(wrap));
			got++;
			batch++;
			slot = (slot + 1) % SIZE;
			if
			:: slot == 0 -> wrap = 1 - wrap
			:: else
			fi
		:: batch -> break
		od;
		ARRIVED(FLAGS + SIZE) && ARRIVED(FLAGS + SIZE + 1) && ARRIVED(FLAGS + SIZE + 2);
		event = LOAD(DRIVER_EVENT);
		if
		:: WANTED(event, slot, wrap, batch) -> interrupt = true
		:: else
		fi
	:: else ->
#ifdef EVENT_IDX
		STORE(DEVICE_EVENT, EVENT_DESC(slot, wrap));
#else
		STORE(DEVICE_EVENT, EVENT_ENABLE);
#endif
		ARRIVED(DEVICE_EVENT);
		if
		:: DEVICE_SEES_AVAIL(slot, wrap)
		:: else ->
end:			kick;
			kick = false
		fi
	od
}
