/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Linker sets: arrays of pointers that the linker gathers from all files that are linked
 * in. This is how the linker is the configuration: a driver that is not linked has no
 * entry, and nothing refers to it.
 *
 *	LINKSET_DECLARE(virtio_drivers, const struct virtio_driver);
 *	LINKSET_EACH(virtio_drivers, entry) use(*entry); */

#ifndef KERNEL_LINKSET_H
#define KERNEL_LINKSET_H

#define LINKSET_ENTRY(set, object)                    \
	static const void *const set##_entry_##object \
		__attribute__((used, retain, section("set_" #set))) = &(object)

/* The linker provides the bounds; weak, because a set may be empty. */
#define LINKSET_DECLARE(set, type)                                    \
	extern type *const __start_set_##set[] __attribute__((weak)); \
	extern type *const __stop_set_##set[] __attribute__((weak))

#define LINKSET_EACH(set, entry)                                          \
	for (__typeof__(&__start_set_##set[0]) entry = __start_set_##set; \
	     entry < __stop_set_##set; entry++)

#endif
