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

/* Plugging: addresses and lines for what the firmware never saw, and the slot of a PCI
 * Express port, honest and not. */

#include "hotplug_port.h"

static bool apart(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
	return a + a_bytes <= b || b + b_bytes <= a;
}

/* [PCI-23]: in the bridge's windows, aligned, and where nobody else is. */
static void addresses(void **state)
{
	struct mock_pci *pci[3];

	(void)state;
	add_port();
	pci_scan();
	for (unsigned i = 0; i < 3; i++) {
		struct pci_address place = { .bus = BUS, .device = (uint8_t)i };

		pci[i] = mock_pci_add(BUS, i, 0, 0x1234, 1);
		mock_pci_bar(pci[i], 0, 64, true, false);
		mock_pci_bar(pci[i], 1, 4096, false, false);
		mock_pci_bar(pci[i], 2, 16384, false, true);
		mock_pci_set32(pci[i], 0x10, 1);
		mock_pci_set32(pci[i], 0x14, 0);
		mock_pci_set32(pci[i], 0x18, 0xc); /* prefetchable */
		mock_pci_set32(pci[i], 0x1c, 0);
		pci[i]->config[0x3d] = 1;
		assert_true(pci_assign(&place));
		pci_scan_slot(&place);
		assert_in_range(address_of(pci[i], 0), 0x1000, 0x1fff);
		assert_in_range(address_of(pci[i], 1), MEMORY_FIRST, MEMORY_LAST - 4095);
		assert_int_equal(mock_pci_get32(pci[i], 0x1c), PREFETCH_FIRST >> 32);
		assert_int_equal(address_of(pci[i], 2) % 16384, 0);
		/* INTA of slot 0 is the bridge's own pin; the others turn. */
		assert_int_equal(pci[i]->config[0x3c], i == 0 ? PORT_LINE : 0xff);
		for (unsigned j = 0; j < i; j++) {
			assert_true(apart(address_of(pci[i], 0), 64,
					  address_of(pci[j], 0), 64));
			assert_true(apart(address_of(pci[i], 1), 4096,
					  address_of(pci[j], 1), 4096));
			assert_true(apart(address_of(pci[i], 2), 16384,
					  address_of(pci[j], 2), 16384));
		}
	}
	assert_int_equal(port->config[4] & 7, 7); /* it passes all on */
}

static void no_room(void **state)
{
	struct pci_address place = { .bus = BUS };
	struct mock_pci *pci;

	(void)state;
	add_port();
	pci_scan();
	pci = mock_pci_add(BUS, 0, 0, 0x1234, 1);
	mock_pci_bar(pci, 0, 4 << 20, false, false); /* the window has 2 MiB */
	mock_pci_bar(pci, 1, 4096, false, false);
	assert_false(pci_assign(&place));
	assert_int_equal(address_of(pci, 0), 0);
	assert_int_equal(address_of(pci, 1), MEMORY_FIRST);
}

static void in_and_out(void **state)
{
	(void)state;
	add_port();
	pci_scan();
	for (unsigned i = 0; i < 3; i++) {
		struct mock_pci *pci = plug();

		assert_true(found && found->live);
		assert_string_equal(found->where, "pci 5:00.0");
		assert_int_equal(slot_get(CONTROL) & POWER_OFF, 0);
		traffic(pci->mock);
		event(PRESENT | BUTTON);
		assert_false(pci_slot_known(BUS, 0));
		assert_int_equal(slot_get(CONTROL) & POWER_OFF, POWER_OFF);
		assert_int_equal(pci->config[4] & 4, 0);
		pci->gone = true;
		event(CHANGED);
		free_unplugged();
	}
}

/* [PCI-30] */
static void taken_by_surprise(void **state)
{
	struct mock_pci *pci;

	(void)state;
	add_port();
	pci_scan();
	pci = plug();
	assert_true(found && found->live);
	pci->gone = true;
	event(CHANGED);
	assert_false(pci_slot_known(BUS, 0));
	assert_true(found->gone);
	free_unplugged();
}

/* It reads as ones, but its slot says nothing of it, yet: it stays in the list until then. */
static void gone_before_the_slot_says(void **state)
{
	struct mock_pci *pci;

	(void)state;
	add_port();
	pci_scan();
	pci = plug();
	assert_true(found && found->live);
	pci->gone = true;
	virtio_device_break(found, "a test");
	free_unplugged();
	assert_null(virtio_devices);
	assert_true(pci_slot_known(BUS, 0));
	event(CHANGED);
	assert_false(pci_slot_known(BUS, 0));
}

/* A slot that lies: it never completes a command, says that something is there when nothing
 * answers, presses its button without end, goes away itself. */
static void a_lying_slot(void **state)
{
	(void)state;
	add_port();
	pci_scan();
	completes = false;
	event(PRESENT | CHANGED);
	assert_false(pci_slot_known(BUS, 0));
	for (unsigned i = 0; i < 100; i++)
		event(PRESENT | BUTTON | CHANGED | 0x106);
	assert_null(found);
	slot_set(STATUS, COMPLETED); /* no event: somebody else's interrupt */
	assert_false(host_irq_line(PORT_LINE));
	port->gone = true;
	assert_false(host_irq_line(PORT_LINE));
	pci_hotplug_wake();
	host_threads_run();
}

/* Bits that do not go away when they are cleared must not hold up the machine: nobody claims
 * such an interrupt, which in the end masks its line. */
static void stuck_events(void **state)
{
	(void)state;
	add_port();
	pci_scan();
	stuck = true;
	slot_set(STATUS, CHANGED);
	assert_false(host_irq_line(PORT_LINE));
	host_threads_run();
}

/* Messages without end, with events or without, are heard some time no more. */
static void storm(bool events)
{
	uint8_t content[10] = { [6 - 2] = 0, [8 - 2] = 0, [9 - 2] = 8 };
	uint64_t address = 0;
	uint32_t data;
	unsigned heard = 0;

	add_port();
	mock_pci_bar(port, 0, 4096, false, false);
	mock_pci_capability(port, 0x11, content, sizeof(content));
	pci_scan();
	memcpy(&address, port->bars[0].memory, 8);
	memcpy(&data, port->bars[0].memory + 8, 4);
	host_log_counts[0] = 0;
	for (unsigned i = 0; i < 30000; i++) {
		slot_set(STATUS, events ? CHANGED : 0);
		heard += host_irq_message(address, data);
	}
	assert_int_equal(heard, events ? 10000 : 0);
	assert_int_equal(host_log_counts[0], 1);
	assert_int_equal(host_irq_attached(), 0);
	host_threads_run();
}

static void storms(void **state)
{
	storm(true);
	end(state);
	three_begin(state);
	storm(false);
}

static void line_storm(void **state)
{
	unsigned heard = 0;

	(void)state;
	add_port();
	pci_scan();
	for (unsigned i = 0; i < 30000; i++) {
		slot_set(STATUS, CHANGED);
		heard += host_irq_line(PORT_LINE);
		if (i % 100 == 0) /* in time, it is none */
			host_clock_advance(i < 15000 ? 20 * NS_PER_MS : 0);
	}
	assert_in_range(heard, 20000, 29000);
	assert_int_equal(host_irq_attached(), 0);
	host_threads_run();
}

/* A port that nobody gave a bus, or whose bus was another's first, or whose registers say
 * something else by now, takes nothing away that it did not bring. */
static void a_lying_bridge(void **state)
{
	struct mock_pci *host, *inner;

	(void)state;
	host = mock_pci_add(0, 0, 0, 0x8086, 0x1237);
	add_port();
	port->config[0x19] = 0;
	pci_scan();
	event(CHANGED);
	assert_true(pci_slot_known(0, 0));
	pci_slot_unplugged(0, 2, true);
	port->config[0x19] = BUS;
	inner = mock_pci_bridge(BUS, 0, BUS + 1);
	mock_pci_add(BUS + 1, 3, 0, 0x1234, 1);
	pci_scan_slot(&(struct pci_address){ .device = 2 });
	pci_scan_root(BUS);
	assert_true(pci_slot_known(BUS + 1, 3));
	inner->config[0x19] = 0;    /* now it says that it leads */
	inner->config[0x1a] = 0xff; /* to each and every bus */
	port->config[0x19] = 0;
	event(CHANGED);
	assert_false(pci_slot_known(BUS, 0));
	assert_false(pci_slot_known(BUS + 1, 3));
	assert_true(pci_slot_known(0, 2) && pci_slot_known(0, 0));
	host->gone = true;
	pci_slot_unplugged(0, 0, false);
}

/* Bridges around windows of everything there is: no place, but an end. */
static void endless_windows(void **state)
{
	struct pci_address place = { .bus = BUS, .device = 4 };
	struct mock_pci *inner, *pci;

	(void)state;
	add_port();
	inner = mock_pci_bridge(BUS, 3, BUS + 1);
	for (struct mock_pci *each = port; each; each = each == port ? inner : NULL) {
		mock_pci_set32(each, 0x20, 0xfff00000);
		mock_pci_set32(each, 0x24, 0xfff10001);
		mock_pci_set32(each, 0x28, 0);
		mock_pci_set32(each, 0x2c, UINT32_MAX);
	}
	pci_scan();
	pci = mock_pci_add(BUS, 4, 0, 0x1234, 1);
	mock_pci_bar(pci, 0, 4096, false, true);
	mock_pci_set32(pci, 0x10, 0xc);
	assert_false(pci_assign(&place));
	assert_int_equal(address_of(pci, 0), 0);
	pci_slot_unplugged(BUS, 3, true);
}

/* PCI 3.0 §3.2.2.3.4: a device with one function may answer at the numbers of all eight. */
static void one_function(void **state)
{
	struct mock_pci *first, *other;

	(void)state;
	add_port();
	pci_scan();
	first = mock_pci_add(BUS, 0, 0, 0x1234, 1);
	other = mock_pci_add(BUS, 0, 1, 0x1234, 1);
	mock_pci_bar(other, 0, 4096, false, false);
	mock_pci_set32(other, 0x10, 0);
	first->config[0x0e] = 0;
	event(PRESENT | CHANGED);
	assert_int_equal(address_of(other, 0), 0);
	pci_slot_unplugged(BUS, 0, true);
	first->config[0x0e] = 0x80;
	event(PRESENT | CHANGED);
	assert_int_equal(address_of(other, 0), MEMORY_FIRST);
}

/* A virtio device that does not work goes as well: nothing of it stays. */
static void unplug_what_failed(void **state)
{
	struct mock *mock = three_mock(4);

	(void)state;
	add_port();
	pci_scan();
	mock->no_features_ok = true;
	mock_pci_virtio(mock, BUS, 0, MOCK_PCI_MODERN)->config[4] = 0;
	event(PRESENT | CHANGED | BUTTON);
	assert_non_null(virtio_devices);
	event(PRESENT | BUTTON);
	free_unplugged();
	assert_null(virtio_devices);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		hotplug_test(addresses),
		hotplug_test(no_room),
		hotplug_test(in_and_out),
		hotplug_test(taken_by_surprise),
		hotplug_test(a_lying_slot),
		hotplug_test(stuck_events),
		hotplug_test(a_lying_bridge),
		hotplug_test(endless_windows),
		hotplug_test(one_function),
		hotplug_test(unplug_what_failed),
		hotplug_test(storms),
		hotplug_test(line_storm),
		hotplug_test(gone_before_the_slot_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
