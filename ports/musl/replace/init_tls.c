/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Thread-local storage and the main thread's descriptor. The linker script says where the
 * initial image lies (__tls_start, sizes and alignment as symbol values), so there are no
 * program headers to search; the main thread's block comes from the kernel's heap when it
 * is too large for the built-in one, so that a program without mmap() carries none. */

#include <stddef.h>
#include <string.h>
#include "pthread_impl.h"

extern weak hidden char __tls_start[], __tls_filesz[], __tls_memsz[], __tls_align[];
void *kmalloc(size_t bytes);

volatile int __thread_list_lock;

static struct tls_module main_tls;
static struct main_thread {
	char before;
	struct pthread self;
	void *space[16];
} main_thread;
#define ALIGN_MIN offsetof(struct main_thread, self)

static size_t round_up(size_t value, size_t align)
{
	return (value + align - 1) & -align;
}

int __init_tp(void *block)
{
	pthread_t self = block;

	self->self = self;
	if (__set_thread_area(TP_ADJ(block)) < 0)
		return -1;
	libc.can_do_threads = 1;
	self->detach_state = DT_JOINABLE;
	self->tid = __syscall(SYS_set_tid_address, &__thread_list_lock);
	self->locale = &libc.global_locale;
	self->robust_list.head = &self->robust_list.head;
	self->next = self->prev = self;
	return 0;
}

/* Lays out one thread's block in libc.tls_size bytes at mem: dtv, storage, descriptor
 * (variant II of the ELF TLS ABI: the storage ends where the thread pointer points). */
void *__copy_tls(unsigned char *mem)
{
	uintptr_t *dtv = (uintptr_t *)mem;
	uintptr_t top = (uintptr_t)mem + libc.tls_size - sizeof(struct pthread);
	pthread_t self = (pthread_t)(top & -libc.tls_align);
	size_t i = 0;

	for (struct tls_module *module = libc.tls_head; module; module = module->next) {
		char *storage = (char *)self - module->offset;

		dtv[++i] = (uintptr_t)storage + DTP_OFFSET;
		memcpy(storage, module->image, module->len);
	}
	dtv[0] = libc.tls_cnt;
	self->dtv = dtv;
	return self;
}

void __init_tls(size_t *vector)
{
	void *mem = &main_thread;

	(void)vector;
	main_tls.image = __tls_start;
	main_tls.len = (size_t)__tls_filesz;
	main_tls.size = (size_t)__tls_memsz;
	main_tls.align = __tls_align ? (size_t)__tls_align : 1;
	if (main_tls.size) {
		libc.tls_head = &main_tls;
		libc.tls_cnt = 1;
	}
	/* The linker counted offsets back from the end of the segment, rounded up so that
	 * its start is congruent to the image's address. */
	main_tls.size += -(main_tls.size + (uintptr_t)main_tls.image) &
			 (main_tls.align - 1);
	main_tls.offset = main_tls.size;
	if (main_tls.align < ALIGN_MIN)
		main_tls.align = ALIGN_MIN;
	libc.tls_align = main_tls.align;
	libc.tls_size = round_up(2 * sizeof(void *) + sizeof(struct pthread) +
					 main_tls.size + main_tls.align,
				 ALIGN_MIN);
	if (libc.tls_size > sizeof main_thread) {
		mem = kmalloc(libc.tls_size);
		if (!mem)
			a_crash();
		memset(mem, 0, libc.tls_size);
	}
	if (__init_tp(__copy_tls(mem)) < 0)
		a_crash();
}
