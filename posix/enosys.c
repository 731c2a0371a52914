/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <kernel/format.h>
#include <kernel/log.h>
#include <posix/enosys.h>

/* Pushed at the front by a call's first use, never removed; atomic. */
static struct enosys_call *calls;

long enosys_call(struct enosys_call *call)
{
	if (__atomic_fetch_add(&call->count, 1, __ATOMIC_RELAXED) == 0) {
		call->next = __atomic_load_n(&calls, __ATOMIC_RELAXED);
		while (!__atomic_compare_exchange_n(&calls, &call->next, call, false,
						    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			;
	}
	return -ENOSYS;
}

void enosys_report(void)
{
	struct enosys_call *call = __atomic_load_n(&calls, __ATOMIC_ACQUIRE);
	char line[160];
	size_t length = 0;

	for (; call; call = call->next) {
		length += format(line + length, sizeof(line) - length, " %s (%lu)",
				 call->name, call->count);
		/* A full line is written, and the next one begun. */
		if (length > sizeof(line) - 48 || !call->next) {
			log_warn("posix: not implemented, answered ENOSYS:%s", line);
			length = 0;
		}
	}
}
