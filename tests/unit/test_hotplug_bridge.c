/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources:
 *	tests/unit/mock/pci.c tests/unit/mock/virtio_pci.c tests/unit/host/cmdline.c
 *	tests/unit/mock/mock.c tests/unit/host/mmu.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	kernel/pci.c kernel/pci_config.c kernel/pci_bar.c kernel/pci_msix.c kernel/acpi.c
 *	kernel/aml.c kernel/aml_resources.c kernel/pci_hotplug.c kernel/pci_assign.c
 *	kernel/pci_windows.c kernel/pci_bridge.c
 *	kernel/pci_port.c virtio/transport/pci.c virtio/transport/pci_modern.c
 *	virtio/transport/pci_legacy.c virtio/transport/pci_interrupts.c
 *	virtio/transport/pci_window.c virtio/transport/pci_complete.c
 *	virtio/transport/transports.c virtio/virtio.c virtio/features.c virtio/config.c
 *	virtio/queues.c virtio/recovery.c virtio/ring/virtqueue.c kernel/format.c */

/* Bridges that are plugged in: bus numbers, windows, and what is behind them. */

#include "hotplug_port.h"

static uint8_t secondary(const struct mock_pci *bridge)
{
	return bridge->config[0x19];
}

static uint8_t subordinate(const struct mock_pci *bridge)
{
	return bridge->config[0x1a];
}

static uint64_t memory_first(const struct mock_pci *bridge)
{
	return (mock_pci_get32(bridge, 0x20) & 0xfff0) << 16;
}

static uint64_t memory_last(const struct mock_pci *bridge)
{
	return (mock_pci_get32(bridge, 0x20) & 0xfff00000) | 0xfffff;
}

/* As power leaves it. */
static struct mock_pci *new_bridge(unsigned bus, unsigned slot)
{
	struct mock_pci *bridge = mock_pci_bridge(bus, slot, 0);

	bridge->config[0x0a] = 4;
	bridge->config[0x0b] = 6;
	mock_pci_set32(bridge, 0x24, 0x00010001);
	return bridge;
}

static struct mock_pci *new_device(unsigned bus, unsigned slot, uint64_t bytes)
{
	struct mock_pci *pci = mock_pci_add(bus, slot, 0, 0x1234, 1);

	mock_pci_bar(pci, 0, bytes, false, false);
	mock_pci_set32(pci, 0x10, 0);
	return pci;
}

static void reserve(unsigned buses)
{
	add_port();
	port->config[0x1a] = (uint8_t)(BUS + buses);
	pci_scan();
}

/* [PCI-24] A bridge with a device behind it, twice: the second one finds the room of the first. */
static void in_and_out(void **state)
{
	(void)state;
	reserve(3);
	for (unsigned i = 0; i < 2; i++) {
		struct mock_pci *bridge = new_bridge(BUS, 0), *pci;

		mock_pci_bar(bridge, 0, 4096, false, false);
		mock_pci_set32(bridge, 0x10, 0);
		pci = mock_pci_virtio(three_mock(4), BUS + 1, 5, MOCK_PCI_MODERN);
		pci->config[4] = 0;
		event(PRESENT | CHANGED);
		assert_int_equal(bridge->config[0x18], BUS);
		assert_int_equal(secondary(bridge), BUS + 1);
		assert_int_equal(subordinate(bridge), BUS + 3);
		assert_in_range(memory_first(bridge), MEMORY_FIRST, MEMORY_LAST);
		assert_in_range(memory_last(bridge), memory_first(bridge), MEMORY_LAST);
		assert_true(address_of(bridge, 0) >= MEMORY_FIRST &&
			    (address_of(bridge, 0) > memory_last(bridge) ||
			     address_of(bridge, 0) < memory_first(bridge)));
		assert_int_equal(bridge->config[4] & 7, 7);
		assert_true(found && found->live);
		assert_string_equal(found->where, "pci 6:05.0");
		traffic(pci->mock);
		bridge->gone = pci->gone = true;
		event(CHANGED);
		assert_false(pci_slot_known(BUS, 0));
		assert_false(pci_slot_known(BUS + 1, 5));
		free_unplugged();
	}
}

/* [PCI-24] A switch: its ports share what there is. */
static void a_switch(void **state)
{
	struct mock_pci *up, *down[2], *pci[2];

	(void)state;
	reserve(5);
	up = new_bridge(BUS, 0);
	for (unsigned i = 0; i < 2; i++)
		down[i] = new_bridge(BUS + 1, i);
	pci[0] = new_device(BUS + 2, 0, 4096);
	pci[1] = new_device(BUS + 4, 0, 4096);
	mock_pci_set32(port, 0x20, 0xe0700000 | 0xe000);
	event(PRESENT | CHANGED);
	assert_int_equal(secondary(up), BUS + 1);
	assert_int_equal(subordinate(up), BUS + 5);
	assert_int_equal(secondary(down[0]), BUS + 2);
	assert_int_equal(subordinate(down[0]), BUS + 3);
	assert_int_equal(secondary(down[1]), BUS + 4);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(pci_slot_known((uint8_t)(BUS + 2 + 2 * i), 0));
		assert_in_range(memory_first(down[i]), memory_first(up), memory_last(up));
		assert_in_range(memory_last(down[i]), memory_first(up), memory_last(up));
		assert_in_range(address_of(pci[i], 0), memory_first(down[i]),
				memory_last(down[i]));
	}
	assert_true(memory_first(down[1]) > memory_last(down[0]) ||
		    memory_first(down[0]) > memory_last(down[1]));
}

/* Nothing was reserved: that is said, the bridge is known, what is behind it is not. */
static void no_number(void **state)
{
	struct mock_pci *bridge;

	(void)state;
	reserve(0);
	bridge = new_bridge(BUS, 0);
	new_device(BUS + 1, 0, 4096);
	host_log_counts[1] = 0;
	event(PRESENT | CHANGED);
	assert_true(pci_slot_known(BUS, 0));
	assert_false(pci_slot_known(BUS + 1, 0));
	assert_int_equal(secondary(bridge), 0);
	assert_int_equal(host_log_counts[1], 1);
}

static void no_window(void **state)
{
	struct mock_pci *bridge, *pci;

	(void)state;
	reserve(1);
	mock_pci_set32(port, 0x20, 0x0000fff0);
	bridge = new_bridge(BUS, 0);
	pci = new_device(BUS + 1, 0, 4096);
	event(PRESENT | CHANGED);
	assert_true(pci_slot_known(BUS + 1, 0));
	assert_true(memory_first(bridge) > memory_last(bridge));
	assert_int_equal(address_of(pci, 0), 0);
}

/* On a root bus: numbers up to those of the next one. */
static void on_a_root_bus(void **state)
{
	struct mock_pci *bridges[2];

	(void)state;
	reserve(1);
	pci_scan_root(3);
	for (unsigned i = 0; i < 2; i++) {
		bridges[i] = new_bridge(0, 7 + i);
		pci_slot_plugged(0, (uint8_t)(7 + i));
	}
	assert_int_equal(secondary(bridges[0]), 1);
	assert_int_equal(subordinate(bridges[0]), 2);
	assert_int_equal(secondary(bridges[1]), 0);
	for (unsigned i = 0; i < 2; i++)
		pci_slot_unplugged(0, (uint8_t)(7 + i), true);
}

/* Registers that do not keep what is written, and say that they lead elsewhere. */
static uint32_t stuck_at;

static bool stuck_write(struct mock_pci *pci, unsigned offset, unsigned width,
			uint32_t value)
{
	(void)width;
	(void)value;
	if (offset == 0x18)
		mock_pci_set32(pci, 0x18, stuck_at);
	return offset == 0x18;
}

static void lying_numbers(void **state)
{
	static const uint32_t lies[] = { 0, 0xffffffff, 0x00ff0100 | BUS << 8, 0x00ff0000,
					 0x00000600 };

	(void)state;
	reserve(3);
	for (unsigned i = 0; i < 5; i++) {
		struct mock_pci *bridge = new_bridge(BUS, 0);

		stuck_at = lies[i];
		bridge->write = stuck_write;
		event(PRESENT | CHANGED);
		assert_true(pci_slot_known(BUS, 0));
		pci_slot_unplugged(BUS, 0, true);
		bridge->gone = true;
		event(CHANGED);
	}
}

/* One behind the other without end. */
static void nest(void **state)
{
	(void)state;
	reserve(250);
	for (unsigned bus = BUS; bus < 255; bus++)
		new_bridge(bus, 0);
	event(PRESENT | CHANGED);
	assert_true(pci_slot_known(BUS + 1, 0));
	pci_slot_unplugged(BUS, 0, true);
	assert_false(pci_slot_known(BUS + 1, 0));
}

/* Functions of one device come together and do not get the same place. */
static void many_functions(void **state)
{
	struct mock_pci *pci[8];

	(void)state;
	reserve(0);
	for (unsigned i = 0; i < 8; i++) {
		pci[i] = mock_pci_add(BUS, 0, i, 0x1234, 1);
		pci[i]->config[0x0e] = 0x80;
		mock_pci_bar(pci[i], 0, 4096, false, false);
		mock_pci_set32(pci[i], 0x10, 0);
	}
	event(PRESENT | CHANGED);
	for (unsigned i = 0; i < 8; i++) {
		assert_in_range(address_of(pci[i], 0), MEMORY_FIRST, MEMORY_LAST);
		for (unsigned k = 0; k < i; k++)
			assert_true(address_of(pci[i], 0) != address_of(pci[k], 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		hotplug_test(in_and_out),     hotplug_test(a_switch),
		hotplug_test(no_number),      hotplug_test(no_window),
		hotplug_test(lying_numbers),  hotplug_test(nest),
		hotplug_test(many_functions), hotplug_test(on_a_root_bus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
