# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""PCI and both of its transports on QEMU's own device models."""
import pytest

PACKED, RING_RESET, ACCESS_PLATFORM = 34, 40, 33
BREAK = ('read', 'break', 'read', 'counters')


@pytest.mark.parametrize('option, transport', (
    ('', 'PCI'),
    ('disable-legacy=on,disable-modern=off', 'PCI'),
    ('disable-modern=on', 'PCI legacy'),
    ('packed=on', 'PCI'),
    ('packed=on,event_idx=off', 'PCI'),
    ('packed=on,indirect_desc=off', 'PCI'),
    ('event_idx=off', 'PCI'),
    ('indirect_desc=off', 'PCI'),
    ('event_idx=off,indirect_desc=off', 'PCI'),
))
def test_each_ring_and_flavour(machine, disk, option, transport):
    """The scan, the registers, and a read that is compared [INI-01] [NEG-12] [PCI-09]:
    status 0xf (legacy 7) says that the device has no complaint of any of it."""
    found = machine(disk(option), 'read')
    found.find(rf'^block0 at pci 0:02.0, {transport}, .*, status 0x{7 if "legacy" in transport else "f"}$')
    found.has(disk.line)
    assert found.negotiated(PACKED) == ('packed' in option)


@pytest.mark.parametrize('packed', ('on', 'off'))
@pytest.mark.parametrize('size', (4, 16, 1024))
def test_queue_sizes(machine, disk, packed, size):
    """Both layouts in every size [PQ-01] [VQ-02]; a queue number with the size 0 is no queue
    [PCI-10]."""
    found = machine(disk(f'packed={packed},queue-size={size},seg-max-adjust=on'), 'read', 'queues', '3')
    found.has(f'block0.0 requests: size {size}', f'sizes: {size} 0 0', disk.line)


@pytest.mark.parametrize('option', ('queue_reset=off', 'queue_reset=off,packed=on',
                                    'queue_reset=off,vectors=0',
                                    'queue_reset=off,page-per-vq=on', 'disable-modern=on'))
def test_the_device_is_reset(machine, disk, option):
    """A disk's queue that is broken: the device is reset, negotiates the same features, and
    its queues are set up anew [INI-13] [INI-09]."""
    found = machine(disk(option), *BREAK)
    found.has('queue resets 0, recoveries 1, config interrupts 0')
    assert found.out.count(disk.line) == 2


@pytest.mark.parametrize('option', ('', 'packed=on', 'vectors=0', 'page-per-vq=on'))
def test_an_idle_disk_queue_is_reset(machine, disk, option):
    """A disk's queue that is broken while nothing is in it is reset alone [VQ-26]."""
    found = machine(disk(option), *BREAK)
    found.has('queue resets 1, recoveries 0, config interrupts 0')
    assert found.out.count(disk.line) == 2


@pytest.mark.parametrize('option', ('', 'packed=on', 'vectors=0', 'page-per-vq=on'))
def test_one_queue_is_reset(machine, option):
    """RING_RESET: the queue alone is reset, set up as at first, and works [VQ-26]."""
    found = machine(['-device', f'virtio-rng-pci{"," if option else ""}{option}'],
                    'entropy', 'break', 'entropy', 'counters')
    assert found.negotiated(RING_RESET)
    found.has('queue resets 1, recoveries 0, config interrupts 0')


@pytest.mark.parametrize('vectors, queues, interrupts', (
    (0, 1, 'INTx 10'),     # no capability
    (1, 1, 'MSI-X ×1'),    # one for a queue and the configuration
    (2, 1, 'MSI-X ×2'),
    (2, 4, 'MSI-X ×2'),    # one for all queues
    (4, 4, 'MSI-X ×2'),    # one too few for each to have its own
    (5, 4, 'MSI-X ×5'),
))
def test_vectors(machine, disk, vectors, queues, interrupts):
    """Fewer vectors than wanted: shared ones, or the line [PCI-14]."""
    found = machine(disk(f'vectors={vectors},num-queues={queues}'), 'read',
                    keys=(f'disk_queues={queues}',))
    found.find(rf'interrupts {interrupts},')
    found.has(disk.line)


@pytest.mark.parametrize('option', ('modern-pio-notify=on', 'page-per-vq=on',
                                    'modern-pio-notify=on,page-per-vq=on'))
def test_doorbells(machine, disk, option):
    """The first notify capability that can be used [PCI-04]; multipliers of 4 and 4096
    [PCI-11]."""
    machine(disk(f'{option},num-queues=4'), 'read', keys=('disk_queues=4',)).has(disk.line)


@pytest.mark.parametrize('option', ('', 'vectors=0', 'queue_reset=off', 'event_idx=off'))
def test_the_device_asks_for_a_reset(machine, disk, option):
    """A head that cannot be: QEMU sets NEEDS_RESET and interrupts for the configuration;
    the device is reset, initialised with the same features, and serves the next request
    [INI-10] [INI-13]."""
    found = machine(disk(option), 'read', 'overrun', 'read', 'counters')
    found.find(r'^queue resets 0, recoveries 1, ')
    assert found.out.count(disk.line) == 2
    assert 'it asks for a reset' in found.log


def test_access_platform_refused(machine, disk):
    """QEMU takes FEATURES_OK away; the driver reads it back, sets FAILED and does no more
    [INI-05] [INI-06]."""
    found = machine(disk('iommu_platform=on,disable-legacy=on,disable-modern=off'),
                    environment={'FERRULE_QTEST_REFUSE': str(ACCESS_PLATFORM)})
    assert 'it refuses the features we ask for' in found.log
    found.find(r'^block0 at pci .*, status 0x8\w, broken$')


def test_access_platform(machine, disk):
    """Offered, it is accepted, or QEMU would refuse FEATURES_OK; addresses stay physical
    ones, which is what the platform maps them to [NEG-05]."""
    found = machine(disk('iommu_platform=on,disable-legacy=on,disable-modern=off'), 'read')
    assert found.negotiated(ACCESS_PLATFORM)
    found.has(disk.line)
