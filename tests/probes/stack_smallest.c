/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The smallest stack that a thread may have is enough for one that does little.
 *
 * expect: ^from a small stack$
 * status: 0
 */
#include <limits.h>
#include <pthread.h>
#include <unistd.h>

static void *say(void *unused)
{
	static const char text[] = "from a small stack\n";

	for (int i = 0; i < 20; i++)
		usleep(1000); /* interrupts come meanwhile */
	write(1, text, sizeof(text) - 1);
	return unused;
}

int main(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	if (pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN) ||
	    pthread_create(&thread, &attributes, say, NULL))
		return 1;
	return pthread_join(thread, NULL);
}
