/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#define STUB_BYTES	 4
#define STUB_GROUP_BYTES 136 /* 32 stubs, and a jump that reaches far */

/* Where traps and interrupts enter. Each vector has a stub of 4 bytes that pushes its number
 * and jumps to what its group of 32 stubs has in common, near behind them. */

	.section .text.entry, "ax"
	.globl exception_stubs, interrupt_stubs

/* Exceptions 0 to 31; 8, 10 to 14, 17, 21, 29 and 30 come with an error code. */
	.balign 16
exception_stubs:
	.set vector, 0
	.rept 32
	pushq $vector
	.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30
	jmp exception_common
	.else
	jmp exception_without_code
	.endif
	.set vector, vector + 1
	.endr
	.org exception_stubs + 32 * STUB_BYTES	/* an error if a stub is longer */

exception_without_code:
	pushq (%rsp)
	movq $0, 8(%rsp)

/* A full frame, because a death is to print it; returns when the fault was resolved. */
exception_common:
	pushq %rax
	pushq %rbx
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %rbp
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	movq %rsp, %rdi
	xorl %ebp, %ebp
	call trap_entry
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rbp
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rbx
	popq %rax
	addq $16, %rsp
	iretq

/* Interrupts 32 to 255. A byte is pushed, sign-extended; interrupt_common takes the byte. */
	.balign 16
interrupt_stubs:
	.set vector, 32
	.rept 7
	.rept 32
	pushq $(vector - (vector & 0x80) * 2)
	jmp 1f
	.set vector, vector + 1
	.endr
1:	jmp interrupt_common
	.org interrupt_stubs + (vector / 32 - 1) * STUB_GROUP_BYTES
	.endr

/* On STACK_INTERRUPT, which the next interrupt uses again: so the CPU's frame moves to the
 * interrupted thread's stack, below the 128 bytes that a leaf function may use there (red
 * zone, System V ABI §3.2.2), before anything can interrupt or switch threads. */
	.balign 16
interrupt_common:
	pushq %rax
	movq 40(%rsp), %rax		/* the interrupted %rsp */
	subq $128, %rax
	andq $-16, %rax
	xchgq %rax, %rsp		/* %rax: rax, vector, rip, cs, rflags, rsp, ss */
	pushq 48(%rax)
	pushq 40(%rax)
	pushq 32(%rax)
	pushq 24(%rax)
	pushq 16(%rax)
	pushq %rbp
	movq %rsp, %rbp
	pushq (%rax)
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rax			/* 16 pushes: the ABI's alignment at the call */
	cld
	movzbl 8(%rax), %edi
	call interrupt_entry
	popq %r11
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	popq %rax
	popq %rbp
	iretq

/* void arch_switch(struct arch_thread *from, struct arch_thread *to): only what a function
 * call must keep (System V ABI §3.2.1), control words of both FPUs included. */
	.globl arch_switch
	.balign 16
arch_switch:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	subq $8, %rsp
	stmxcsr (%rsp)
	fnstcw 4(%rsp)
	movq %rsp, (%rdi)
	movq (%rsi), %rsp
	ldmxcsr (%rsp)
	fldcw 4(%rsp)
	addq $8, %rsp
	movq 8(%rsi), %rax		/* the C library's thread pointer */
	cmpq 8(%rdi), %rax
	je 1f
	cmpb $0, has_fsgsbase(%rip)
	jne 2f
	movq %rax, %rdx
	shrq $32, %rdx
	movl $0xc0000100, %ecx		/* MSR_FS_BASE */
	wrmsr
	jmp 1f
2:	wrfsbase %rax
1:
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret

	.section .note.GNU-stack, "", @progbits
