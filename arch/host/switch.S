/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* void host_switch_stack(uint64_t *from, const uint64_t *to): leaves the stack pointer in
 * *from and goes on at the one in *to. What a function call must keep (System V ABI
 * §3.2.1) is on the stacks, control words of both FPUs included. */

	.text
	.globl host_switch_stack
	.type host_switch_stack, @function
	.balign 16
host_switch_stack:
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
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
	.size host_switch_stack, . - host_switch_stack

/* Where a new thread begins: arch_thread_init() left the arguments in saved registers. */
	.globl host_first_step
	.type host_first_step, @function
host_first_step:
	subq $8, %rsp			/* the ABI's alignment at the call */
	movq %rbx, %rdi
	movq %r12, %rsi
	call host_thread_begin
	ud2
	.size host_first_step, . - host_first_step

	.section .note.GNU-stack, "", @progbits
