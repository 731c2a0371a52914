/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Descriptor tables and exceptions: page faults that populate memory are resolved, all
 * else is a readable death. */

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/interrupt.h>
#include <arch/mmu.h>
#include <arch/registers.h>
#include <arch/trap.h>
#include <kernel/panic.h>
#include <kernel/symbols.h>
#include <kernel/thread.h>

#define CODE_SELECTOR 8
#define TSS_SELECTOR  16

/* As in entry.S. */
#define STUB_BYTES	 4
#define STUB_GROUP_BYTES 136

extern char exception_stubs[], interrupt_stubs[];
extern char boot_stack_guard[];

/* From bit 0: 16 bits of the offset, selector, stack, type, 16 bits more; the rest. */
struct gate {
	uint64_t lower, upper;
};
#define GATE_INTERRUPT 0x8e /* present; interrupts are off inside */

static struct gate idt[256] __attribute__((aligned(16)));

static struct {
	uint32_t reserved0;
	uint64_t rsp[3], reserved1, ist[7];
	uint64_t reserved2;
	uint16_t reserved3, io_map;
} __attribute__((packed)) tss = { .io_map = sizeof(tss) };

static uint64_t gdt[4] = { 0, 0x00209a0000000000 };

/* The interrupt stack holds one frame at a time; the others run C. */
static char interrupt_stack[256] __attribute__((aligned(16)));
static char page_fault_stack[8192] __attribute__((aligned(16)));
static char fatal_stack[8192] __attribute__((aligned(16)));

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

/* Gates for stubs that lie one after the other. Each is put together in two words: there
 * are 256 of them to be set at boot. */
static void gates_set(unsigned vector, unsigned count, const char *stub,
		      enum interrupt_stack stack)
{
	uint64_t offset = (uintptr_t)stub, upper = offset >> 32;
	uint64_t fixed = (uint64_t)GATE_INTERRUPT << 40 | (uint64_t)stack << 32 |
			 (uint64_t)CODE_SELECTOR << 16;

	for (; count--; vector++, offset += STUB_BYTES)
		idt[vector] = (struct gate){
			.lower = fixed | (offset & 0xffff) | (offset >> 16) << 48,
			.upper = upper,
		};
}

static void gdt_load(void)
{
	uint64_t base = (uintptr_t)&tss;
	struct table_pointer pointer = { sizeof(gdt) - 1, (uintptr_t)gdt };

	gdt[TSS_SELECTOR / 8] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 |
				UINT64_C(0x89) << 40 | (base >> 24 & 0xff) << 56;
	gdt[TSS_SELECTOR / 8 + 1] = base >> 32;
	__asm__ volatile("lgdt %0" : : "m"(pointer));
	__asm__ volatile("ltr %w0" : : "r"(TSS_SELECTOR));
}

void trap_init(void)
{
	struct table_pointer pointer = { sizeof(idt) - 1, (uintptr_t)idt };

	tss.ist[STACK_INTERRUPT - 1] = (uintptr_t)(interrupt_stack +
						   sizeof(interrupt_stack));
	tss.ist[STACK_PAGE_FAULT - 1] = (uintptr_t)(page_fault_stack +
						    sizeof(page_fault_stack));
	tss.ist[STACK_FATAL - 1] = (uintptr_t)(fatal_stack + sizeof(fatal_stack));
	/* All of them: a device may send any vector, which then must have a place to go;
	 * kernel/irq.c counts those that nobody has. */
	gates_set(0, 32, exception_stubs, STACK_FATAL);
	gates_set(VECTOR_PAGE_FAULT, 1, exception_stubs + VECTOR_PAGE_FAULT * STUB_BYTES,
		  STACK_PAGE_FAULT);
	for (unsigned group = 1; group < 8; group++)
		gates_set(group * 32, 32,
			  interrupt_stubs + (group - 1) * STUB_GROUP_BYTES,
			  STACK_INTERRUPT);
	gdt_load();
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

/* By vector; as one string, since pointers to them would be longer than they are. */
static const char exception_names[] =
	/* NOLINTNEXTLINE(bugprone-string-literal-with-embedded-nul): it is a list. */
	"division by zero\0debug\0non-maskable interrupt\0breakpoint\0overflow\0"
	"bound range exceeded\0invalid instruction\0no floating-point unit\0"
	"double fault\0reserved\0invalid TSS\0segment not present\0"
	"stack segment fault\0general protection fault\0page fault\0reserved\0"
	"x87 floating-point error\0misaligned access\0machine check\0"
	"SIMD floating-point error\0reserved\0control protection fault\0";

static const char *exception_name(uint64_t vector)
{
	const char *name = exception_names;

	while (vector-- && *name)
		name += strlen(name) + 1;
	return *name ? name : "reserved";
}

enum page_fault_error {
	FAULT_PRESENT = 1 << 0,
	FAULT_WRITE = 1 << 1,
	FAULT_EXECUTE = 1 << 4,
};

bool (*arch_user_fault)(uintptr_t address, bool write, bool execute);

/* Stacks and the lower half are populated as they are touched. */
static bool page_fault_resolve(uintptr_t address, uint64_t error)
{
	if (address >= STACK_BASE && address < KERNEL_BASE)
		return !(error & FAULT_PRESENT) && thread_stack_fault(address);
	if (address < USER_END && arch_user_fault)
		return arch_user_fault(address, error & FAULT_WRITE,
				       error & FAULT_EXECUTE);
	return false;
}

/* The application's threads have their stacks, and guards below, in the lower half: known
 * by the stack pointer, which is about to enter one or did so at most a large frame ago. */
static bool in_stack_guard(uintptr_t address, const struct trap_frame *frame)
{
	uintptr_t guard = (uintptr_t)boot_stack_guard;

	if (frame->error & (FAULT_PRESENT | FAULT_EXECUTE))
		return false;
	if (address >= guard && address < guard + PAGE_BYTES)
		return true;
	if (address >= PAGE_BYTES && address < USER_END)
		return address - (frame->rsp - 2 * PAGE_BYTES) < 16 * PAGE_BYTES;
	return address >= STACK_BASE && address < KERNEL_BASE;
}

static void print_page_fault(uintptr_t address, const struct trap_frame *frame)
{
	uint64_t error = frame->error;
	const char *what = error & FAULT_EXECUTE ? "execute"
			   : error & FAULT_WRITE ? "write"
						 : "read";

	panic_print("page fault: %s at %#lx: %s\n", what, address,
		    address < PAGE_BYTES ? "null pointer"
		    : in_stack_guard(address, frame)
			    ? "stack overflow, this is its guard page"
		    : error & FAULT_PRESENT ? "the page is protected"
					    : "nothing is mapped there");
}

static void print_registers(const struct trap_frame *f)
{
	const struct thread *thread = this_cpu()->current;

	panic_print("thread %d \"%s\"%s\n", thread ? thread->id : -1,
		    thread ? thread->name : "boot",
		    this_cpu()->interrupt_depth ? ", in an interrupt" : "");
	panic_print("rip %016lx  rsp %016lx  rflags %08lx  error %lx\n", f->rip, f->rsp,
		    f->rflags, f->error);
	panic_print("rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx\n", f->rax, f->rbx,
		    f->rcx, f->rdx);
	panic_print("rsi %016lx  rdi %016lx  rbp %016lx  r8  %016lx\n", f->rsi, f->rdi,
		    f->rbp, f->r8);
	panic_print("r9  %016lx  r10 %016lx  r11 %016lx  r12 %016lx\n", f->r9, f->r10,
		    f->r11, f->r12);
	panic_print("r13 %016lx  r14 %016lx  r15 %016lx\n", f->r13, f->r14, f->r15);
}

#define PUSH_RBP 0x55

/* Where a backtrace begins. A function that has made no frame (a leaf, or one at its very
 * beginning, or a call to nowhere) has its return address at the stack pointer: what it
 * would have pushed below completes the frame that its caller is then found by. */
static uintptr_t first_frame(const struct trap_frame *frame)
{
	uintptr_t *slot = (uintptr_t *)frame->rsp - 1, into;
	char name[SYMBOL_NAME_MAX];
	unsigned flags;

	if (symbol_lookup(frame->rip, name, &into) && into > 0 &&
	    *(const uint8_t *)(frame->rip - into) == PUSH_RBP)
		return frame->rbp;
	if (frame->rsp % sizeof(*slot) || !arch_translate((uintptr_t)slot, &flags) ||
	    !(flags & MAP_WRITE) || !arch_translate(frame->rsp, NULL))
		return frame->rbp;
	if (slot[1] < (uintptr_t)image_start || slot[1] >= (uintptr_t)text_end)
		return frame->rbp;
	slot[0] = frame->rbp;
	return (uintptr_t)slot;
}

void trap_entry(struct trap_frame *frame)
{
	uintptr_t address = read_cr2();
	bool page_fault = frame->vector == VECTOR_PAGE_FAULT;
	enum exit_code code = EXIT_CODE_TRAP;

	if (page_fault && page_fault_resolve(address, frame->error))
		return;
	panic_begin();
	if (page_fault) {
		print_page_fault(address, frame);
		if (in_stack_guard(address, frame))
			code = EXIT_CODE_STACK;
	} else {
		panic_print("trap %lu: %s\n", frame->vector,
			    exception_name(frame->vector));
	}
	print_registers(frame);
	panic_end(code, frame->rip, first_frame(frame));
}
