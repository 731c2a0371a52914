/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Page tables on the host: a list of mapped pages. */

#include <errno.h>
#include <stdlib.h>
#include <arch/mmu.h>
#include <kernel/boot_info.h>

uint64_t host_mapped_bytes;
__attribute__((weak)) struct boot_info boot_info; /* no RAM as the boot map says it */

bool (*arch_user_fault)(uintptr_t address, bool write, bool execute);

struct page {
	uintptr_t virt;
	uint64_t phys;
	unsigned flags;
	struct page *next;
};
static struct page *pages;

static struct page **find(uintptr_t virt)
{
	struct page **link = &pages;

	while (*link && (*link)->virt != virt)
		link = &(*link)->next;
	return link;
}

int arch_map(uintptr_t virt, uint64_t phys, size_t bytes, unsigned flags)
{
	for (size_t done = 0; done < bytes; done += PAGE_BYTES) {
		struct page **link = find(virt + done);

		if (!*link) {
			*link = calloc(1, sizeof(**link));
			(*link)->virt = virt + done;
		}
		(*link)->phys = phys + done;
		(*link)->flags = flags;
	}
	return 0;
}

void arch_protect(uintptr_t virt, size_t bytes, unsigned flags)
{
	for (size_t done = 0; done < bytes; done += PAGE_BYTES) {
		struct page *page = *find(virt + done);

		if (page)
			page->flags = flags;
	}
}

void arch_unmap(uintptr_t virt, size_t bytes, void (*release)(uint64_t phys))
{
	for (size_t done = 0; done < bytes; done += PAGE_BYTES) {
		struct page **link = find(virt + done);
		struct page *page = *link;

		if (!page)
			continue;
		*link = page->next;
		if (release)
			release(page->phys);
		free(page);
	}
}

uint64_t arch_translate(uintptr_t virt, unsigned *flags)
{
	struct page *page = *find(virt & ~(PAGE_BYTES - 1));

	if (!page)
		return 0;
	if (flags)
		*flags = page->flags;
	return page->phys + virt % PAGE_BYTES;
}

bool (*host_phys_present)(uint64_t phys, uint64_t bytes);

int arch_direct_map(uint64_t phys, uint64_t bytes)
{
	if (phys + bytes < phys)
		return -ENOMEM;
	if (phys + bytes <= 1 << 20)
		return host_low_memory ? 0 : -ENOMEM;
	if (host_phys_present && !host_phys_present(phys, bytes))
		return -ENOMEM;
	return phys < 1 << 20 ? -ENOMEM : 0;
}

volatile void *arch_map_device(uint64_t phys, size_t bytes)
{
	host_mapped_bytes += bytes;
	return phys_to_virt(phys);
}
