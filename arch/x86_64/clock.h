/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The parts of the clock: sources (clock_sources.c, kvm_clock.c) and the event that the
 * local APIC gives (clock_event.c). */

#ifndef CLOCK_H
#define CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* A 64-bit HPET, if there is one. */
bool hpet_init(void);
uint64_t hpet_ns(void);

/* Waits about `ns` by the ACPI timer or the PIT, whichever there is; what passed, in ns
 * and in cycles. 0: there is neither. */
uint64_t clock_reference_wait(uint64_t ns, uint64_t *cycles);

bool kvm_clock_init(void);
bool kvm_clock_present(void);
uint64_t kvm_clock_ns(void);
int64_t kvm_wall_clock_ns(void); /* at boot of the machine */

void clock_event_init(void);

#endif
