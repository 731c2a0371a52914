/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A thread is preempted with its x87 registers in use; another then finds them empty, as
 * each function may expect (System V ABI, AMD64 supplement, §3.2.3), and both compute right.
 *
 * expect: ^both are right$
 * status: 0
 */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>

#define ALL_EMPTY 0xffff

static volatile int ready, done;

/* Fills all eight registers, waits long enough to be preempted, and sums them up. */
static void *hold_registers(void *result)
{
	double sum;

	__asm__ volatile("fld1; fld1; fld1; fld1; fld1; fld1; fld1; fld1\n\t"
			 "movl $1, %1\n"
			 "1:	cmpl $0, %2\n\t"
			 "je 1b\n\t"
			 "faddp; faddp; faddp; faddp; faddp; faddp; faddp; fstpl %0"
			 : "=m"(sum), "=m"(ready)
			 : "m"(done)
			 : "memory", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)",
			   "st(6)", "st(7)");
	*(double *)result = sum;
	return NULL;
}

static uint16_t tags(void)
{
	struct {
		uint32_t control, status, tags, others[4];
	} environment;

	__asm__ volatile("fnstenv %0; fldenv %0" : "=m"(environment));
	return (uint16_t)environment.tags;
}

int main(void)
{
	double held = 0;
	pthread_t thread;
	uint16_t seen;

	if (pthread_create(&thread, NULL, hold_registers, &held))
		return 1;
	while (!ready)
		sched_yield();
	seen = tags();
	done = 1;
	pthread_join(thread, NULL);
	if (seen != ALL_EMPTY || held != 8) {
		printf("wrong: tags %x, sum %f\n", seen, held);
		return 1;
	}
	puts("both are right");
	return 0;
}
