/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The clock source: the hypervisor's clock where it offers one, else the time stamp
 * counter, calibrated against the HPET.
 *
 * Calibration costs no waiting: until enough time has passed since boot, the HPET itself
 * is read; then the counter's rate over that span takes over, and is refined as the span
 * grows. Only where there is no 64-bit HPET is it measured on the spot, over 2 ms of the
 * ACPI timer or the PIT. */

#include <string.h>
#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/io.h>
#include <arch/registers.h>
#include <kernel/acpi.h>
#include <kernel/lock.h>
#include <kernel/log.h>
#include <kernel/time.h>
#include "clock.h"

static struct {
	uint64_t base_cycles, base_ns;
	uint64_t scale; /* ns = cycles * scale >> 32 */
	uint64_t boot_cycles, boot_reference;
	uint64_t refine_ns; /* span at which the rate is taken again */
	bool by_cycles;	    /* else the reference is read */
	unsigned version;   /* odd while the rest changes */
} clock;		    /* changed under lock, read by version */
static struct spinlock lock;

#define REFINE_FIRST_NS (10 * NS_PER_MS)
#define REFINE_LAST_NS	NS_PER_SEC /* an error of 2 us in it: good enough */

static inline uint64_t scaled(uint64_t cycles, uint64_t scale)
{
	return (uint64_t)((__uint128_t)cycles * scale >> 32);
}

/* a * 2^32 / b, for b below 2^64 and a quotient below 2^64, without a library call. */
static uint64_t ratio32(uint64_t a, uint64_t b)
{
	uint64_t quotient, remainder;

	__asm__("divq %4"
		: "=a"(quotient), "=d"(remainder)
		: "a"(a << 32), "d"(a >> 32), "r"(b)
		: "cc");
	return quotient;
}

/* Takes the rate over the whole span since boot; time goes on without a step. */
static void refine(uint64_t span_ns, uint64_t now_ns, uint64_t cycles)
{
	__atomic_add_fetch(&clock.version, 1, __ATOMIC_SEQ_CST);
	clock.scale = ratio32(span_ns, cycles - clock.boot_cycles);
	clock.base_ns = now_ns;
	clock.base_cycles = cycles;
	clock.by_cycles = true;
	clock.refine_ns = span_ns >= REFINE_LAST_NS ? UINT64_MAX : span_ns * 8;
	__atomic_add_fetch(&clock.version, 1, __ATOMIC_SEQ_CST);
}

static uint64_t cycles_ns(uint64_t cycles)
{
	return clock.base_ns + scaled(cycles - clock.base_cycles, clock.scale);
}

static __attribute__((cold)) uint64_t read_slowly(void)
{
	unsigned long irq = spin_lock(&lock);
	uint64_t cycles = arch_cycles();
	uint64_t span = hpet_ns() - clock.boot_reference;
	uint64_t now = clock.by_cycles ? cycles_ns(cycles) : span;

	if (span >= clock.refine_ns && cycles > clock.boot_cycles)
		refine(span, now, cycles);
	spin_unlock(&lock, irq);
	return now;
}

/* An interrupt may refine the clock in the middle of it: then once more. */
static uint64_t read_quickly(void)
{
	unsigned version;
	uint64_t now;

	do {
		version = __atomic_load_n(&clock.version, __ATOMIC_ACQUIRE);
		now = cycles_ns(arch_cycles());
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (version & 1 || version != clock.version);
	return now;
}

uint64_t arch_clock_ns(void)
{
	uint64_t now;

	if (kvm_clock_present())
		return kvm_clock_ns();
	if (!clock.by_cycles)
		return clock.refine_ns ? read_slowly() : 0; /* 0: not initialised */
	now = read_quickly();
	return now < clock.refine_ns ? now : read_slowly();
}

/* Measures the counter's rate on the spot, by a timer that is too narrow to wait on. */
static void calibrate_now(void)
{
	uint64_t cycles, ns = clock_reference_wait(2 * NS_PER_MS, &cycles);

	if (!ns) {
		log_warn("clock: nothing to calibrate by: assuming a 2.5 GHz counter");
		ns = 2;
		cycles = 5;
	}
	clock.scale = ratio32(ns, cycles);
	clock.base_cycles = arch_cycles();
	clock.by_cycles = true;
	clock.refine_ns = UINT64_MAX;
}

__attribute__((cold)) void arch_clock_init(void)
{
	const char *source = "HPET, then the counter calibrated by it";

	if (kvm_clock_init()) {
		source = "kvmclock";
	} else if (hpet_init()) {
		clock.boot_cycles = arch_cycles(); /* at the same moment */
		clock.boot_reference = hpet_ns();
		clock.refine_ns = REFINE_FIRST_NS;
	} else {
		calibrate_now();
		source = "time stamp counter";
	}
	log_debug("clock: %s", source);
	clock_event_init();
}
