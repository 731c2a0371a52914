/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Local APIC and I/O APICs (Intel SDM volume 3 §11; 82093AA I/O APIC datasheet). */

#include <errno.h>
#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/interrupt.h>
#include <arch/io.h>
#include <arch/registers.h>
#include <arch/trap.h>
#include <kernel/acpi.h>
#include <kernel/irq.h>
#include <kernel/lock.h>
#include <kernel/log.h>
#include <kernel/thread.h>

enum local_apic_register {
	APIC_ID = 0x20,
	APIC_TASK_PRIORITY = 0x80,
	APIC_EOI = 0xb0,
	APIC_SPURIOUS = 0xf0,
	APIC_TIMER = 0x320,
	APIC_TIMER_INITIAL = 0x380,
	APIC_TIMER_CURRENT = 0x390,
	APIC_TIMER_DIVIDE = 0x3e0,
};

#define APIC_BASE_ENABLE  0x800
#define APIC_BASE_X2APIC  0x400
#define APIC_ENABLE	  0x100
#define APIC_DIVIDE_BY_16 0x3
#define FEATURE_X2APIC	  (1u << 21)
#define LOCAL_APIC_BASE	  0xfee00000
#define IO_APIC_BASE	  0xfec00000

#define REDIRECTION_LOW(input) (0x10 + 2 * (input))
#define REDIRECTION_MASKED     (1u << 16)
#define REDIRECTION_LEVEL      (1u << 15)
#define REDIRECTION_ACTIVE_LOW (1u << 13)

static volatile uint8_t *local_apic; /* NULL: x2APIC, by MSR */

#define IO_APICS_MAX  16
#define OVERRIDES_MAX 24 /* the ISA has 16 lines */
static struct io_apic {
	volatile uint8_t *registers;
	uint32_t gsi_base, inputs;
} io_apics[IO_APICS_MAX];
static unsigned io_apic_count;
static struct spinlock io_apic_lock; /* index and data register go together */

static uint32_t apic_read(enum local_apic_register reg)
{
	if (local_apic)
		return mmio_read32(local_apic + reg);
	return rdmsr(MSR_X2APIC_BASE + reg / 16);
}

static void apic_write(enum local_apic_register reg, uint32_t value)
{
	if (local_apic)
		mmio_write32(local_apic + reg, value);
	else
		wrmsr(MSR_X2APIC_BASE + reg / 16, value);
}

static uint32_t apic_id(void)
{
	return local_apic ? apic_read(APIC_ID) >> 24 : apic_read(APIC_ID);
}

/* Ends the running interrupt and what it woke: the last step of every handler. */
void interrupt_entry(unsigned vector)
{
	struct cpu *cpu = this_cpu();

	if (vector == VECTOR_SPURIOUS)
		return;	    /* no EOI for it (SDM volume 3 §11.9) */
	arch_stack_probe(); /* for the locks of the handlers: <kernel/lock.h> */
	cpu->interrupt_depth++;
	if (vector == VECTOR_CLOCK)
		clock_interrupt();
	else
		irq_dispatch(vector);
	apic_write(APIC_EOI, 0);
	cpu->interrupt_depth--;
	sched_interrupt_exit();
}

void apic_timer_start(uint32_t count)
{
	apic_write(APIC_TIMER_INITIAL, count);
}

uint32_t apic_timer_count(void)
{
	return apic_read(APIC_TIMER_CURRENT);
}

/* The 8259s raise nothing any more; a spurious one would come at their vectors 32 to 47
 * (8259A datasheet, ICW1 to ICW4). */
static void pic_disable(void)
{
	static const uint8_t words[][2] = {
		{ 0x11, 0x11 }, { 32, 40 }, { 4, 2 }, { 1, 1 }
	};

	for (unsigned i = 0; i < 4; i++) {
		port_write8(i ? 0x21 : 0x20, words[i][0]);
		port_write8(i ? 0xa1 : 0xa0, words[i][1]);
	}
	port_write8(0x21, 0xff);
	port_write8(0xa1, 0xff);
}

static void local_apic_init(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

	if (cpuid(1, 0).ecx & FEATURE_X2APIC) {
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
	} else {
		wrmsr(MSR_APIC_BASE, base);
		local_apic = arch_map_device(acpi_info.local_apic ? acpi_info.local_apic
								  : LOCAL_APIC_BASE,
					     PAGE_BYTES);
	}
	apic_write(APIC_TASK_PRIORITY, 0);
	apic_write(APIC_SPURIOUS, APIC_ENABLE | VECTOR_SPURIOUS);
	apic_write(APIC_TIMER_DIVIDE, APIC_DIVIDE_BY_16);
	apic_write(APIC_TIMER, VECTOR_CLOCK); /* one-shot, unmasked */
}

static uint32_t io_apic_read(struct io_apic *io, uint32_t index)
{
	mmio_write32(io->registers, index);
	return mmio_read32(io->registers + 0x10);
}

static void io_apic_write(struct io_apic *io, uint32_t index, uint32_t value)
{
	mmio_write32(io->registers, index);
	mmio_write32(io->registers + 0x10, value);
}

/* Inputs are masked at reset and by the firmware; each is set up when it is attached. */
static void io_apics_init(void)
{
	struct acpi_io_apic found[IO_APICS_MAX];
	unsigned count = acpi_io_apics(found, IO_APICS_MAX);

	if (!count) /* no ACPI: where every PC has the first one, if it has one */
		found[count++] = (struct acpi_io_apic){ .address = IO_APIC_BASE };
	for (unsigned i = 0; i < count && i < IO_APICS_MAX; i++) {
		struct io_apic *io = &io_apics[io_apic_count];

		io->registers = arch_map_device(found[i].address, PAGE_BYTES);
		if (!io->registers || io_apic_read(io, 1) == UINT32_MAX)
			continue;
		io->gsi_base = found[i].gsi_base;
		io->inputs = (io_apic_read(io, 1) >> 16 & 0xff) + 1;
		io_apic_count++;
	}
	if (!io_apic_count)
		log_warn("interrupts: no I/O APIC: only message-signalled ones");
}

void arch_interrupts_init(void)
{
	pic_disable();
	local_apic_init();
	io_apics_init();
}

void arch_msi_message(unsigned vector, struct msi_message *message)
{
	/* Fixed delivery, edge, to this CPU (SDM volume 3 §11.11). */
	message->address = LOCAL_APIC_BASE | (apic_id() & 0xff) << 12;
	message->data = vector;
}

static struct io_apic *io_apic_of(unsigned gsi)
{
	for (unsigned i = 0; i < io_apic_count; i++)
		if (gsi >= io_apics[i].gsi_base &&
		    gsi - io_apics[i].gsi_base < io_apics[i].inputs)
			return &io_apics[i];
	return NULL;
}

/* PCI lines are level-triggered; their polarity is active high on PCs unless the MADT says
 * otherwise for that line (ACPI 6.4 §5.2.12.5). ISA lines are edge-triggered, active high. */
static uint32_t line_mode(unsigned gsi)
{
	struct acpi_override overrides[OVERRIDES_MAX];
	unsigned count = acpi_overrides(overrides, OVERRIDES_MAX);

	for (unsigned i = 0; i < count && i < OVERRIDES_MAX; i++)
		if (overrides[i].gsi == gsi && overrides[i].flags & 3)
			return (overrides[i].flags & 3) == 3 ? REDIRECTION_ACTIVE_LOW : 0;
	return 0;
}

int arch_line_route(unsigned gsi, unsigned vector)
{
	struct io_apic *io = io_apic_of(gsi);
	uint32_t input, mode = line_mode(gsi);
	unsigned long irq;

	if (!io)
		return -ENODEV;
	/* The serial port's line is the one ISA line in use, and works level-triggered too:
	 * the UART holds it until it was served. */
	mode |= REDIRECTION_LEVEL;
	input = gsi - io->gsi_base;
	irq = spin_lock(&io_apic_lock);
	io_apic_write(io, REDIRECTION_LOW(input) + 1, apic_id() << 24);
	io_apic_write(io, REDIRECTION_LOW(input), mode | vector);
	spin_unlock(&io_apic_lock, irq);
	return 0;
}

void arch_line_mask(unsigned gsi, bool masked)
{
	struct io_apic *io = io_apic_of(gsi);
	uint32_t index, value;
	unsigned long irq;

	if (!io)
		return;
	index = REDIRECTION_LOW(gsi - io->gsi_base);
	irq = spin_lock(&io_apic_lock);
	value = io_apic_read(io, index) & ~REDIRECTION_MASKED;
	io_apic_write(io, index, value | (masked ? REDIRECTION_MASKED : 0));
	spin_unlock(&io_apic_lock, irq);
}
