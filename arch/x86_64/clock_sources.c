/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Timers of known rate, to calibrate by, and the battery clock. */

#include <arch/cpu.h>
#include <arch/io.h>
#include <arch/mmu.h>
#include <kernel/acpi.h>
#include <kernel/time.h>
#include "clock.h"

/* HPET (IA-PC HPET specification 1.0a §2.3). */
#define HPET_CAPABILITIES 0x00 /* bits 63:32: period in femtoseconds */
#define HPET_CONFIG	  0x10
#define HPET_COUNTER	  0xf0
#define HPET_64_BIT	  (1u << 13)
#define HPET_PERIOD_MAX	  100000000 /* the specification's bound: slower is no HPET */

static volatile uint8_t *hpet;
static uint64_t hpet_scale; /* ns per tick, 32.32 */

bool hpet_init(void)
{
	uint32_t period;

	if (!acpi_info.hpet)
		return false;
	hpet = arch_map_device(acpi_info.hpet, 1024);
	if (!hpet || !(mmio_read32(hpet + HPET_CAPABILITIES) & HPET_64_BIT))
		return false;
	period = mmio_read32(hpet + HPET_CAPABILITIES + 4);
	if (!period || period > HPET_PERIOD_MAX)
		return false;
	hpet_scale = ((uint64_t)period << 32) / 1000000;
	mmio_write32(hpet + HPET_CONFIG, mmio_read32(hpet + HPET_CONFIG) | 1);
	return true;
}

uint64_t hpet_ns(void)
{
	uint64_t ticks = *(volatile uint64_t *)(hpet + HPET_COUNTER);

	return (uint64_t)((__uint128_t)ticks * hpet_scale >> 32);
}

/* ACPI power management timer: 3.579545 MHz, at least 24 bits (ACPI 6.4 §4.8.3.3). */
#define PM_TIMER_HZ   3579545
#define PM_TIMER_MASK 0xffffff

/* PIT (Intel 8254): channel 2, which has a gate of its own and raises nothing. */
#define PIT_HZ	      1193182
#define PIT_CHANNEL2  0x42
#define PIT_CONTROL   0x43
#define PIT_GATE_PORT 0x61
#define PIT_READS_MAX 1000000

static uint32_t pm_timer_read(void)
{
	return port_read32(acpi_info.pm_timer_port) & PM_TIMER_MASK;
}

static uint32_t pit_read(void)
{
	uint32_t low;

	port_write8(PIT_CONTROL, 0x80); /* latch channel 2 */
	low = port_read8(PIT_CHANNEL2);
	return 0xffff - (low | (uint32_t)port_read8(PIT_CHANNEL2) << 8);
}

static void pit_start(void)
{
	port_write8(PIT_GATE_PORT, (port_read8(PIT_GATE_PORT) & ~2) | 1);
	port_write8(PIT_CONTROL, 0xb0); /* channel 2, both bytes, mode 0 */
	port_write8(PIT_CHANNEL2, 0xff);
	port_write8(PIT_CHANNEL2, 0xff);
}

uint64_t clock_reference_wait(uint64_t ns, uint64_t *cycles)
{
	bool pm = acpi_info.pm_timer_port;
	uint32_t (*read)(void) = pm ? pm_timer_read : pit_read;
	uint64_t hz = pm ? PM_TIMER_HZ : PIT_HZ, start_cycles, passed = 0;
	uint32_t mask = pm ? PM_TIMER_MASK : 0xffff, start;

	if (!pm)
		pit_start();
	start = read();
	start_cycles = arch_cycles();
	for (unsigned reads = 0; passed < ns; reads++) {
		if (reads == PIT_READS_MAX)
			return 0;
		passed = ((read() - start) & mask) * NS_PER_SEC / hz;
	}
	*cycles = arch_cycles() - start_cycles;
	return passed;
}

/* The battery clock (Motorola MC146818A): registers 0 to 9 behind an index port. */
enum cmos_register {
	CMOS_SECONDS = 0,
	CMOS_MINUTES = 2,
	CMOS_HOURS = 4,
	CMOS_DAY = 7,
	CMOS_MONTH = 8,
	CMOS_YEAR = 9,
	CMOS_STATUS_A = 10,
	CMOS_STATUS_B = 11,
};
#define CMOS_UPDATING 0x80
#define CMOS_BINARY   0x04
#define CMOS_24_HOURS 0x02
#define CMOS_PM	      0x80
#define CMOS_TRIES    100000

static uint8_t cmos_read(unsigned index)
{
	port_write8(0x70, index | 0x80); /* bit 7: NMI stays off meanwhile */
	return port_read8(0x71);
}

static unsigned cmos_number(unsigned index, bool binary)
{
	unsigned value = cmos_read(index);

	return binary ? value : (value >> 4) * 10 + (value & 15);
}

/* Days from 1970-01-01 to a date of the proleptic Gregorian calendar: years are counted
 * from March, so that a leap day is the last of its year. */
static int64_t days_since_epoch(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	unsigned m = month <= 2 ? month + 9 : month - 3;

	return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static int64_t cmos_seconds(void)
{
	bool binary = cmos_read(CMOS_STATUS_B) & CMOS_BINARY;
	bool afternoon = cmos_read(CMOS_HOURS) & CMOS_PM;
	unsigned century = acpi_info.century_register
				   ? cmos_number(acpi_info.century_register, binary)
				   : 20;
	unsigned hours = cmos_number(CMOS_HOURS, binary);

	if (!(cmos_read(CMOS_STATUS_B) & CMOS_24_HOURS))
		hours = (cmos_read(CMOS_HOURS) & (CMOS_PM - 1)) % 12 +
			(afternoon ? 12 : 0);
	return days_since_epoch(century * 100 + cmos_number(CMOS_YEAR, binary),
				cmos_number(CMOS_MONTH, binary),
				cmos_number(CMOS_DAY, binary)) *
		       86400 +
	       hours * 3600 + cmos_number(CMOS_MINUTES, binary) * 60 +
	       cmos_number(CMOS_SECONDS, binary);
}

int64_t arch_wall_clock_ns(void)
{
	int64_t seconds;

	if (kvm_clock_present())
		return kvm_wall_clock_ns();
	for (unsigned i = 0; i < CMOS_TRIES; i++) {
		if (cmos_read(CMOS_STATUS_A) & CMOS_UPDATING)
			continue;
		seconds = cmos_seconds();
		if (seconds == cmos_seconds())
			return seconds * (int64_t)NS_PER_SEC;
	}
	return 0;
}
