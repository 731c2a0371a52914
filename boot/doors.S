/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The doors. A loader enters in 32-bit protected mode without paging, by one of three
 * protocols; each leaves its number in %ebp and its information in %ebx, and all meet at
 * `enter`, which turns on long mode and calls boot_main(door, information).
 *
 * Multiboot 1 (Multiboot Specification 0.6.96 §3.1): the address fields are given, so that
 * a loader takes the file as one flat piece. QEMU's -kernel accepts a 64-bit image so.
 * Multiboot 2 (Multiboot2 Specification 2.0 §3.1): what GRUB uses, on BIOS and UEFI.
 * PVH (Xen x86/HVM direct boot ABI): an ELF note names the entry. */

#include <boot/doors.h>

#define PHYS(symbol) ((symbol) - 0xffffffff80000000)

#define CR0_BITS	0x80010033 /* PE, MP, ET, NE (x87 errors are traps), WP, PG */
#define CR4_PAE_PGE	0xa0
#define MSR_EFER	0xc0000080
#define EFER_SCE_LME_NXE 0x901
#define PRESENT_WRITE	0x3
#define LARGE_GLOBAL	0x180

	.section .boot.header, "a"
	.balign 8
multiboot1_header:
	.long 0x1badb002
	.long 0x00010003		/* page-aligned modules, memory map, address fields */
	.long -(0x1badb002 + 0x00010003)
	.long PHYS(multiboot1_header)
	.long PHYS(image_start)
	.long PHYS(image_file_end)
	.long PHYS(image_end)
	.long PHYS(enter_multiboot1)

	.balign 8
multiboot2_header:
	.long 0xe85250d6
	.long 0				/* i386, protected mode */
	.long multiboot2_end - multiboot2_header
	.long -(0xe85250d6 + (multiboot2_end - multiboot2_header))
	.balign 8
	.short 3, 0			/* entry address, for an ELF of 64 bits */
	.long 12
	.long PHYS(enter_multiboot2)
	.balign 8
	.short 6, 0			/* modules aligned to pages */
	.long 8
	.balign 8
	.short 0, 0			/* end of tags */
	.long 8
multiboot2_end:

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 8, 18			/* name and descriptor bytes, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad PHYS(enter_pvh)

	.section .boot.text, "ax"
	.code32
	.globl enter_multiboot1, enter_multiboot2, enter_pvh
enter_multiboot1:
	movl $DOOR_MULTIBOOT1, %ebp
	jmp enter
enter_multiboot2:
	movl $DOOR_MULTIBOOT2, %ebp
	jmp enter
enter_pvh:
	movl $DOOR_PVH, %ebp

enter:
	cli
	cld
	movl %ebx, %esi			/* the information, out of CPUID's way */

	movl $0x80000000, %eax		/* is there long mode? (Intel SDM, CPUID) */
	cpuid
	cmpl $0x80000001, %eax
	jb no_long_mode
	movl $0x80000001, %eax
	cpuid
	testl $(1 << 29), %edx
	jz no_long_mode

	/* The image alone, in 2 MiB pages, at 0 and at KERNEL_BASE: both halves of the
	 * address space share one page directory. mmu.c refines it later. */
	movl $PHYS(boot_pdpt) + PRESENT_WRITE, %eax
	movl %eax, PHYS(boot_pml4)
	movl %eax, PHYS(boot_pml4) + 511 * 8
	movl $PHYS(boot_pd) + PRESENT_WRITE, %eax
	movl %eax, PHYS(boot_pdpt)
	movl %eax, PHYS(boot_pdpt) + 510 * 8
	movl $PHYS(boot_pd), %edi
	movl $PRESENT_WRITE + LARGE_GLOBAL, %eax
1:	movl %eax, (%edi)
	addl $8, %edi
	addl $0x200000, %eax
	cmpl $PHYS(image_end), %eax
	jb 1b

	movl $CR4_PAE_PGE, %eax
	movl %eax, %cr4
	movl $PHYS(boot_pml4), %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_SCE_LME_NXE, %eax
	wrmsr
	movl $CR0_BITS, %eax
	movl %eax, %cr0
	lgdt PHYS(boot_gdt_pointer)
	ljmp $8, $PHYS(enter_long_mode)

/* Says so on the first serial port, the only console there can be, and stops. */
no_long_mode:
	movl $PHYS(no_long_mode_text), %esi
	movl $no_long_mode_bytes, %ecx
	movw $0x3f8, %dx
	rep outsb
1:	hlt
	jmp 1b

	.code64
enter_long_mode:
	movabsq $enter_high, %rax
	jmp *%rax

	.section .text.enter_high, "ax"
enter_high:
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl %eax, %gs
	movq $boot_stack_top, %rsp
	movl %ebp, %edi			/* boot_main(door, information); %esi has it */
	xorl %ebp, %ebp			/* where a backtrace ends */
	call boot_main
	ud2

	.section .boot.data, "a"
no_long_mode_text:
	.ascii "ferrule: this CPU has no 64-bit mode\r\n"
	.set no_long_mode_bytes, . - no_long_mode_text
	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00209a0000000000	/* code, 64 bits */
boot_gdt_pointer:
	.short . - boot_gdt - 1
	.long PHYS(boot_gdt)

	.section .bss.boot, "aw", @nobits
	.balign 4096
	.globl boot_pml4, boot_pdpt, boot_pd, boot_stack_guard
boot_pml4:
	.skip 4096
boot_pdpt:
	.skip 4096
boot_pd:
	.skip 4096
boot_stack_guard:
	.skip 4096
	.skip 12288
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
