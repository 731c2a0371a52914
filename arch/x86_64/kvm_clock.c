/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* kvmclock: the host tells how its time follows from our time stamp counter (Linux
 * Documentation/virt/kvm/x86/msr.rst, MSR_KVM_SYSTEM_TIME_NEW). */

#include <arch/barrier.h>
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/registers.h>
#include <kernel/time.h>
#include "clock.h"

#define KVM_LEAF	     0x40000000
#define FEATURE_CLOCKSOURCE2 (1u << 3)

/* The host writes it at any time; version is odd while it does. */
static volatile struct {
	uint32_t version, padding0;
	uint64_t cycles, system_time_ns;
	uint32_t multiplier;
	int8_t shift;
	uint8_t flags, padding1[2];
} system_time __attribute__((aligned(64)));

static volatile struct {
	uint32_t version, seconds, nanoseconds;
} wall_clock __attribute__((aligned(16)));

static bool present;
static uint64_t boot_ns;

bool kvm_clock_present(void)
{
	return present;
}

__attribute__((cold)) bool kvm_clock_init(void)
{
	struct cpuid leaf = cpuid(KVM_LEAF, 0);

	/* "KVMKVMKVM" */
	if (leaf.ebx != 0x4b4d564b || leaf.ecx != 0x564b4d56 || leaf.edx != 0x4d)
		return false;
	if (!(cpuid(KVM_LEAF + 1, 0).eax & FEATURE_CLOCKSOURCE2))
		return false;
	wrmsr(MSR_KVM_SYSTEM_TIME, virt_to_phys((const void *)&system_time) | 1);
	if (!system_time.multiplier)
		return false;
	boot_ns = kvm_clock_ns();
	present = true;
	return true;
}

uint64_t kvm_clock_ns(void)
{
	uint64_t delta, ns;
	uint32_t version;

	do {
		version = system_time.version;
		barrier_read();
		delta = arch_cycles() - system_time.cycles;
		delta = system_time.shift < 0 ? delta >> -system_time.shift
					      : delta << system_time.shift;
		ns = system_time.system_time_ns +
		     (uint64_t)((__uint128_t)delta * system_time.multiplier >> 32);
		barrier_read();
	} while (version & 1 || version != system_time.version);
	return ns - boot_ns;
}

__attribute__((cold)) int64_t kvm_wall_clock_ns(void)
{
	uint32_t version;
	int64_t ns;

	wrmsr(MSR_KVM_WALL_CLOCK, virt_to_phys((const void *)&wall_clock));
	do {
		version = wall_clock.version;
		barrier_read();
		ns = (int64_t)wall_clock.seconds * (int64_t)NS_PER_SEC +
		     wall_clock.nanoseconds;
		barrier_read();
	} while (version & 1 || version != wall_clock.version);
	return ns + (int64_t)(boot_ns + kvm_clock_ns());
}
