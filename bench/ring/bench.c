/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What a buffer costs in each layout of the ring, driver's side: the kernel's own ring
 * code, compiled for Linux, against a device on the same processor; beside it a textbook ring
 * and, for each layout, a reference. Prints a table in Markdown.
 *
 * A round adds `batch` buffers of one piece, kicks, lets the device use them, and gets them
 * back; what the device does is not in the figures. Cycles are those of the time stamp
 * counter in the best of many short trials, in which all rings take turns, so that what else
 * the machine does falls on all or none; two readings of the clock for each half are in
 * them. */

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include "contender.h"
#include "count.h"

#define LAYOUTS 4
#define BATCHES 3
#define TRIALS	200
/* Where in memory a ring lies beside its queue's own data matters: the best of some. */
#define PLACES 4
/* Buffers of a trial: so few that it fits between two ticks. */
#define TRIAL 4096
/* Of exact counts: two laps of the ring. */
#define ROUNDS(batch) (2 * SIZE / (batch))

static const unsigned batches[BATCHES] = { 1, 8, 64 };

/* What takes turns: how a ring is used, by layout. */
enum {
	EACH,	  /* by a call for each buffer; EVENT_IDX is not negotiated */
	FLAGS,	  /* by a call for a batch */
	EVENT,	  /* it is */
	FENCED,	  /* the reference, */
	UNFENCED, /* and without its fence */
	KINDS
};
#define TEXTBOOK   (LAYOUTS * KINDS)
#define CALLS	   (TEXTBOOK + 1)
#define CONTENDERS (CALLS + 1)

static struct contender contenders[CONTENDERS];
static double cycles[CONTENDERS][BATCHES];

static inline uint64_t now(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static double trial(struct contender *with, unsigned batch)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < TRIAL / batch; i++) {
		uint64_t start = now(), between;

		with->submit(with->ring, batch);
		sum += now() - start;
		device_serve(&with->device);
		between = now();
		with->complete(with->ring, batch);
		sum += now() - between;
	}
	return (double)sum / TRIAL;
}

static void measure_cycles(void)
{
	for (unsigned at = 0; at < TRIALS * BATCHES; at++) {
		unsigned batch = at % BATCHES;

		for (unsigned i = 0; i < CONTENDERS; i++) {
			double took = trial(&contenders[i], batches[batch]);

			if (cycles[i][batch] == 0 || took < cycles[i][batch])
				cycles[i][batch] = took;
		}
	}
}

static double instructions(struct contender *with, unsigned batch)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < ROUNDS(batch); i++) {
		count_instructions_begin();
		with->submit(with->ring, batch);
		sum += count_instructions_end();
		device_serve(&with->device);
		count_instructions_begin();
		with->complete(with->ring, batch);
		sum += count_instructions_end();
	}
	return (double)sum / ROUNDS(batch) / batch;
}

struct events {
	double written, read, kicks, interrupts;
};

/* With an interrupt for each batch, after which the driver asks for the next. */
static struct events events(struct contender *with, unsigned batch)
{
	uint64_t read = 0, written = 0, kicks = 0, interrupts = 0;

	with->enable(with->ring);
	for (unsigned i = 0; i < ROUNDS(batch); i++) {
		bool interrupt;

		count_lines_begin(with->memory, with->bytes);
		kicks += with->submit(with->ring, batch);
		count_lines_end(&read, &written);
		device_serve(&with->device);
		interrupt = device_interrupts(&with->device);
		interrupts += interrupt;
		count_lines_begin(with->memory, with->bytes);
		if (interrupt)
			with->called_back(with->ring);
		with->complete(with->ring, batch);
		if (!with->enable(with->ring))
			abort();
		count_lines_end(&read, &written);
	}
	return (struct events){
		.read = (double)read / ROUNDS(batch) / batch,
		.written = (double)written / ROUNDS(batch) / batch,
		.kicks = (double)kicks / ROUNDS(batch) / batch,
		.interrupts = (double)interrupts / ROUNDS(batch) / batch,
	};
}

static void print_events(struct contender *polled, struct contender called,
			 unsigned batch)
{
	struct events seen = events(&called, batch);

	printf(" %.0f | %.2f | %.2f | %.3g | %.3g |\n", instructions(polled, batch),
	       seen.written, seen.read, seen.kicks, seen.interrupts);
}

static void print_layout(unsigned layout)
{
	for (unsigned i = 0; i < BATCHES; i++) {
		double(*of)[BATCHES] = &cycles[layout * KINDS];
		double ours = of[FLAGS][i];

		printf("| %s | %u | %.1f | %.1f | %.1f | %.1f | %.1f | %.2f | %.2f |",
		       i ? "" : contenders[layout * KINDS].name, batches[i], ours,
		       of[EVENT][i], of[EACH][i], of[FENCED][i], of[UNFENCED][i],
		       ours / of[FENCED][i], ours / cycles[TEXTBOOK][i]);
		print_events(&contenders[layout * KINDS + FLAGS],
			     contender_queue(layout, true, false, true), batches[i]);
	}
}

static void print_other(unsigned which, bool counts)
{
	for (unsigned i = 0; i < BATCHES; i++) {
		printf("| %s | %u | %.1f | | | | | | %.2f |",
		       i ? "" : contenders[which].name, batches[i], cycles[which][i],
		       cycles[which][i] / cycles[TEXTBOOK][i]);
		if (counts)
			print_events(&contenders[which], contender_textbook(),
				     batches[i]);
		else
			printf(" %.0f | | | | |\n",
			       instructions(&contenders[which], batches[i]));
	}
}

/* One processor for all of it. */
static void stay_here(void)
{
	cpu_set_t here;
	int cpu = sched_getcpu();

	if (cpu < 0)
		return;
	CPU_ZERO(&here);
	CPU_SET((unsigned)cpu, &here);
	sched_setaffinity(0, sizeof(here), &here);
}

static void make_contenders(void)
{
	for (unsigned layout = 0; layout < LAYOUTS; layout++) {
		struct contender *of = &contenders[layout * KINDS];

		of[EACH] = contender_queue(layout, false, true, false);
		of[FLAGS] = contender_queue(layout, true, true, false);
		of[EVENT] = contender_queue(layout, true, true, true);
		of[FENCED] = contender_reference(layout, true);
		of[UNFENCED] = contender_reference(layout, false);
	}
	contenders[TEXTBOOK] = contender_textbook();
	contenders[CALLS] = contender_calls();
}

int main(void)
{
	contenders_init();
	count_init();
	stay_here();
	for (unsigned place = 0; place < PLACES; place++) {
		make_contenders();
		measure_cycles();
	}
	printf("| ring | batch | cycles | with EVENT_IDX | one by one | reference | unfenced | of the reference | of the textbook's | instructions | lines written | lines read | kicks | interrupts |\n"
	       "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
	for (unsigned layout = 0; layout < LAYOUTS; layout++)
		print_layout(layout);
	print_other(TEXTBOOK, true);
	print_other(CALLS, false);
	return 0;
}
