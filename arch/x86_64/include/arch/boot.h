/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Boot order within the architecture, for boot/ and kernel/main.c. */

#ifndef ARCH_BOOT_H
#define ARCH_BOOT_H

#include <stdint.h>
#include <arch/mmu.h>

/* Per-CPU pointer, descriptor tables, FPU: from here on traps are reported. */
void arch_boot_cpu(void);
/* Direct map of RAM [base, end); before the allocator exists only below 1 GiB. */
int arch_map_ram(uint64_t base, uint64_t end);
/* W^X for the image, lower half emptied. Needs the page allocator. */
void arch_protect_image(void);
/* Local and I/O APICs, clocks. Needs ACPI. */
void arch_interrupts_init(void);
void arch_clock_init(void);
/* The serial port as a console, if there is one. */
void arch_serial_init(void);

/* From boot/: the first C function, and the generic kernel it ends in. */
_Noreturn void boot_main(uint32_t door, uint32_t information);
_Noreturn void kernel_main(void);

/* The image, by linker.ld. */
extern char image_start[], text_end[], data_start[], image_file_end[], image_end[];

#endif
