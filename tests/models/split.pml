/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The split ring between a driver and a device that both sleep when there is nothing to do:
 * no wake-up is lost, no element is read before it is written [VQ-08] [VQ-09] [VQ-11]
 * [VQ-13]. Spin finds a lost wake-up as a state in which all wait and nobody may.
 *
 *	EVENT_IDX	  with event indices, else with flags (VIRTIO 1.3 §2.7.7, §2.7.10)
 *	NO_KICK_BARRIER	  without the barrier between avail->index and the look at what the
 *			  device wants (§2.7.13.4.1)
 *	NO_ARM_BARRIER	  without the barrier between asking for an interrupt and the second
 *			  look at used->index (§2.7.7.1)
 *	NO_INDEX_BARRIER  without the barrier between the ring's slot and avail->index
 *			  (§2.7.13.3.1)
 *
 * Indices count modulo 8 as the real ones do modulo 2^16, and wrap. */

#define WORDS 8
#define SIZE  2
#define TOTAL 5
#define WRAP(x) ((x) & 7)

#define AVAIL_INDEX 0 /* the driver's words */
#define USED_EVENT  1 /* or avail->flags */
#define AVAIL_SLOT  2 /* SIZE of them */
#define USED_INDEX  4 /* the device's words */
#define AVAIL_EVENT 5 /* or used->flags */
#define USED_SLOT   6 /* SIZE of them */

#include "memory.inc"

bool kick, interrupt;

/* §2.7.10: does [before, now) step over the index that the other side waits for? */
#define STEPS_OVER(event, now, before) (WRAP(now - event - 1) < WRAP(now - before))

active proctype flush()
{
end:	do
	:: FLUSH(0) :: FLUSH(1) :: FLUSH(2) :: FLUSH(3)
	:: FLUSH(4) :: FLUSH(5) :: FLUSH(6) :: FLUSH(7)
	od
}

active proctype driver()
{
	byte added, taken, published, used, seen;

	do
	:: taken < TOTAL && added < TOTAL && added - taken < SIZE ->
		/* One buffer or two, then one kick for all. */
		do
		:: added < TOTAL && added - taken < SIZE ->
			STORE(AVAIL_SLOT + added % SIZE, added + 1);
			added++
		:: added != published -> break
		od;
#ifndef NO_INDEX_BARRIER
		ARRIVED(AVAIL_SLOT) && ARRIVED(AVAIL_SLOT + 1);
#endif
		STORE(AVAIL_INDEX, WRAP(added));
#ifndef NO_KICK_BARRIER
		ARRIVED(AVAIL_INDEX);
#endif
#ifdef EVENT_IDX
		seen = LOAD(AVAIL_EVENT);
		if
		:: STEPS_OVER(seen, added, published) -> kick = true
		:: else
		fi;
#else
		seen = LOAD(AVAIL_EVENT);
		if
		:: !seen -> kick = true
		:: else
		fi;
#endif
		published = added
	:: taken < TOTAL && added > taken && (added == TOTAL || added - taken == SIZE) ->
		/* Nothing to add: ask for an interrupt, look again, sleep. */
#ifdef EVENT_IDX
		STORE(USED_EVENT, WRAP(taken));
#else
		STORE(USED_EVENT, 0);
#endif
#ifndef NO_ARM_BARRIER
		ARRIVED(USED_EVENT);
#endif
		used = LOAD(USED_INDEX);
		if
		:: used == WRAP(taken) ->
			interrupt;
			interrupt = false;
			used = LOAD(USED_INDEX)
		:: else
		fi;
#ifndef EVENT_IDX
		STORE(USED_EVENT, 1);
#endif
		do
		:: WRAP(taken) != used ->
			assert(LOAD(USED_SLOT + taken % SIZE) == taken + 1);
			taken++
		:: else -> break
		od
	:: taken == TOTAL -> break
	od
}

active proctype device()
{
	byte got, told, avail, seen;

	do
	:: avail = LOAD(AVAIL_INDEX);
		if
		:: avail != WRAP(got) ->
#ifndef EVENT_IDX
			STORE(AVAIL_EVENT, 1);
#endif
			assert(LOAD(AVAIL_SLOT + got % SIZE) == got + 1);
			STORE(USED_SLOT + got % SIZE, got + 1);
			got++;
			/* Perhaps more before the driver hears of it. */
			if
			:: avail != WRAP(got) -> goto next
			:: true
			fi;
			ARRIVED(USED_SLOT) && ARRIVED(USED_SLOT + 1);
			STORE(USED_INDEX, WRAP(got));
			ARRIVED(USED_INDEX);
			seen = LOAD(USED_EVENT);
#ifdef EVENT_IDX
			if
			:: STEPS_OVER(seen, got, told) -> interrupt = true
			:: else
			fi;
#else
			if
			:: !seen -> interrupt = true
			:: else
			fi;
#endif
			told = got
		:: else ->
#ifdef EVENT_IDX
			STORE(AVAIL_EVENT, WRAP(got));
#else
			STORE(AVAIL_EVENT, 0);
#endif
			ARRIVED(AVAIL_EVENT);
			avail = LOAD(AVAIL_INDEX);
			if
			:: avail == WRAP(got) ->
end:				kick;
				kick = false
			:: else
			fi
		fi;
next:
	od
}
