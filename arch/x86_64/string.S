/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* memcpy, memmove and memset with general registers only. Up to 32 bytes: two or four
 * moves that may overlap, everything being read before anything is written, so that they
 * serve memmove as well. Above: `rep` with eight bytes an iteration; the odd bytes at the
 * end are an overlapping move too. The direction flag is clear at calls (System V ABI). */

	.section .text.memcpy, "ax", @progbits
	.globl memcpy, memmove
	.type memcpy, @function
	.type memmove, @function
	.balign 16
/* void *memmove(void *to, const void *from, size_t count) */
memmove:
	cmpq	$32, %rdx
	jbe	small
	movq	%rdi, %rax
	subq	%rsi, %rax
	cmpq	%rdx, %rax		/* to - from < count: the end must go first */
	jb	backwards
	/* fall through */
/* void *memcpy(void *to, const void *from, size_t count) */
memcpy:
	cmpq	$32, %rdx
	jbe	small
	movq	%rdi, %rax
	movq	%rdx, %rcx
	movq	-8(%rsi, %rdx), %r8	/* the last eight, before they can be overwritten */
	leaq	-8(%rdi, %rdx), %r9
	shrq	$3, %rcx
	rep	movsq
	movq	%r8, (%r9)
	ret

backwards:
	movq	%rdi, %rax
	movq	(%rsi), %r8		/* the first eight likewise */
	movq	%rdi, %r9
	movq	%rdx, %rcx
	leaq	-8(%rsi, %rdx), %rsi
	leaq	-8(%rdi, %rdx), %rdi
	shrq	$3, %rcx
	std
	rep	movsq
	cld
	movq	%r8, (%r9)
	ret

small:
	movq	%rdi, %rax
	cmpl	$16, %edx
	jae	1f
	cmpl	$8, %edx
	jae	2f
	cmpl	$4, %edx
	jae	3f
	testl	%edx, %edx
	jz	4f
	movzbl	(%rsi), %ecx		/* 1 to 3: first, middle, last */
	movzbl	-1(%rsi, %rdx), %r8d
	movq	%rdx, %r10
	shrq	$1, %r10
	movzbl	(%rsi, %r10), %r9d
	movb	%cl, (%rdi)
	movb	%r9b, (%rdi, %r10)
	movb	%r8b, -1(%rdi, %rdx)
4:	ret
3:	movl	(%rsi), %ecx
	movl	-4(%rsi, %rdx), %r8d
	movl	%ecx, (%rdi)
	movl	%r8d, -4(%rdi, %rdx)
	ret
2:	movq	(%rsi), %rcx
	movq	-8(%rsi, %rdx), %r8
	movq	%rcx, (%rdi)
	movq	%r8, -8(%rdi, %rdx)
	ret
1:	movq	(%rsi), %rcx
	movq	8(%rsi), %r8
	movq	-16(%rsi, %rdx), %r9
	movq	-8(%rsi, %rdx), %r10
	movq	%rcx, (%rdi)
	movq	%r8, 8(%rdi)
	movq	%r9, -16(%rdi, %rdx)
	movq	%r10, -8(%rdi, %rdx)
	ret
	.size memmove, . - memmove
	.size memcpy, . - memcpy

	.section .text.memset, "ax", @progbits
	.globl memset
	.type memset, @function
	.balign 16
/* void *memset(void *to, int byte, size_t count) */
memset:
	movq	%rdi, %r8
	movzbl	%sil, %eax
	movabsq	$0x0101010101010101, %rcx
	imulq	%rcx, %rax
	cmpq	$8, %rdx
	jb	1f
	movq	%rax, -8(%rdi, %rdx)	/* the odd bytes at the end */
	movq	%rdx, %rcx
	shrq	$3, %rcx
	rep	stosq
	movq	%r8, %rax
	ret
1:	cmpl	$4, %edx
	jae	2f
	testl	%edx, %edx
	jz	3f
	movb	%al, (%rdi)
	movb	%al, -1(%rdi, %rdx)
	shrq	$1, %rdx
	movb	%al, (%rdi, %rdx)
	movq	%r8, %rax
	ret
2:	movl	%eax, (%rdi)
	movl	%eax, -4(%rdi, %rdx)
3:	movq	%r8, %rax
	ret
	.size memset, . - memset

	.section .note.GNU-stack, "", @progbits
