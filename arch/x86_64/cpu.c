/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The boot CPU: per-CPU pointer, FPU state, thread contexts, RDRAND. */

#include <string.h>
#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/registers.h>
#include <arch/thread.h>
#include <arch/trap.h>
#include "tables.h"

extern bool has_fsgsbase;

enum cr4_bit {
	CR4_OSFXSR = 1 << 9,
	CR4_OSXMMEXCPT = 1 << 10,
	CR4_FSGSBASE = 1 << 16,
	CR4_OSXSAVE = 1 << 18,
};

enum feature_bit { /* CPUID leaf 1, ECX; FSGSBASE: leaf 7, EBX */
		   FEATURE_XSAVE = 1 << 26,
		   FEATURE_RDRAND = 1 << 30,
		   FEATURE_FSGSBASE = 1 << 0,
};

#define XCR0_X87_SSE_AVX 0x7u
#define FXSAVE_BYTES	 512
#define MXCSR_DEFAULT	 0x1f80
#define FCW_DEFAULT	 0x037f

static struct cpu boot_cpu = { .self = &boot_cpu };
static bool has_xsave, has_rdrand;
bool has_fsgsbase; /* arch_switch reads it */
static size_t fpu_bytes = FXSAVE_BYTES;

/* CR0 keeps EM and TS clear: the FPU's state moves only when a thread is preempted. */
static void fpu_init(void)
{
	uint32_t features = cpuid(1, 0).ecx;

	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
	has_rdrand = features & FEATURE_RDRAND;
	has_xsave = features & FEATURE_XSAVE;
	if (has_xsave) {
		uint32_t mask = cpuid(0xd, 0).eax & XCR0_X87_SSE_AVX;

		write_cr4(read_cr4() | CR4_OSXSAVE);
		__asm__ volatile("xsetbv" : : "c"(0), "a"(mask), "d"(0));
		fpu_bytes = cpuid(0xd, 0).ebx; /* for what XCR0 now enables */
	}
}

void arch_boot_cpu(void)
{
	wrmsr(MSR_GS_BASE, (uintptr_t)&boot_cpu);
	trap_init();
	fpu_init();
	if (cpuid(0, 0).eax >= 7 && cpuid(7, 0).ebx & FEATURE_FSGSBASE) {
		has_fsgsbase = true;
		write_cr4(read_cr4() | CR4_FSGSBASE);
	}
	direct_map_init();
}

bool arch_random(uint64_t *out)
{
	bool ok = false;

	/* Ten tries: what Intel's guide for software calls enough (DRNG guide §5.2.1). */
	for (int i = 0; has_rdrand && !ok && i < 10; i++)
		__asm__ volatile("rdrand %0; setc %1" : "=r"(*out), "=qm"(ok) : : "cc");
	return ok;
}

/* What arch_switch pops the first time: control words, six registers, the entry. */
struct first_frame {
	uint32_t mxcsr;
	uint32_t fcw;
	uint64_t r15, r14, r13, r12, rbx, rbp;
	void (*entry)(void);
	uint64_t no_caller; /* 0: a backtrace ends here; also aligns the stack */
};

void arch_thread_init(struct arch_thread *self, void *stack, size_t bytes,
		      void (*entry)(void), void *tls)
{
	uintptr_t top = ((uintptr_t)stack + bytes) & ~UINT64_C(15);
	struct first_frame *frame = (struct first_frame *)top - 1;

	*frame = (struct first_frame){
		.mxcsr = MXCSR_DEFAULT,
		.fcw = FCW_DEFAULT,
		.entry = entry,
	};
	*self = (struct arch_thread){
		.stack_pointer = (uintptr_t)frame,
		.fs_base = (uintptr_t)tls,
	};
}

static void write_fs_base(uint64_t value)
{
	if (has_fsgsbase)
		__asm__ volatile("wrfsbase %0" : : "r"(value) : "memory");
	else
		wrmsr(MSR_FS_BASE, value);
}

void arch_set_thread_pointer(struct arch_thread *self, uint64_t value)
{
	self->fs_base = value;
	write_fs_base(value);
}

size_t arch_fpu_bytes(void)
{
	return fpu_bytes;
}

void arch_fpu_save(struct arch_thread *self)
{
	if (has_xsave)
		__asm__ volatile("xsave64 (%0)"
				 :
				 : "r"(self->fpu), "a"(XCR0_X87_SSE_AVX), "d"(0)
				 : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" : : "r"(self->fpu) : "memory");
	/* Who runs next comes out of a function call, where the x87 registers are empty and
	 * no error of theirs is pending (System V ABI §3.2.3). */
	__asm__ volatile("fninit");
}

void arch_fpu_restore(struct arch_thread *self)
{
	if (has_xsave)
		__asm__ volatile("xrstor64 (%0)"
				 :
				 : "r"(self->fpu), "a"(XCR0_X87_SSE_AVX), "d"(0)
				 : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" : : "r"(self->fpu) : "memory");
}
