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


@pytest.mark.parametrize('option', ('', 'packed=on', 'vectors=0', 'page-per-vq=on'))
def test_one_queue_is_reset(machine, disk, option):
    """RING_RESET: the queue alone is reset, set up as at first, and works [VQ-26]."""
    found = machine(disk(option), *BREAK)
    assert found.negotiated(RING_RESET)
    found.has('queue resets 1, recoveries 0, config interrupts 0')
    assert found.out.count(disk.line) == 2


@pytest.mark.parametrize('option', ('queue_reset=off', 'queue_reset=off,packed=on',
                                    'disable-modern=on'))
def test_the_device_is_reset(machine, disk, option):
    """Without RING_RESET the device is reset, with the same features again [INI-13]."""
    found = machine(disk(option), *BREAK)
    found.has('queue resets 0, recoveries 1, config interrupts 0')
    assert found.out.count(disk.line) == 2


@pytest.mark.parametrize('vectors, queues, interrupts', (
    (0, 1, 'INTx 10'),     # no capability
    (1, 1, 'INTx 10'),     # too few for a queue and the configuration
    (2, 1, 'MSI-X ×2'),
    (2, 4, 'MSI-X ×2'),    # one for all queues
    (4, 4, 'MSI-X ×2'),    # one too few for each to have its own
    (5, 4, 'MSI-X ×5'),
))
def test_vectors(machine, disk, vectors, queues, interrupts):
    """Fewer vectors than wanted: shared ones, or the line [PCI-14]."""
    found = machine(disk(f'vectors={vectors},num-queues={queues}'), 'read',
                    keys=(f'diskqueues={queues}',))
    found.find(rf'interrupts {interrupts},')
    found.has(disk.line)


@pytest.mark.parametrize('option', ('modern-pio-notify=on', 'page-per-vq=on',
                                    'modern-pio-notify=on,page-per-vq=on'))
def test_doorbells(machine, disk, option):
    """The first notify capability that can be used [PCI-04]; multipliers of 4 and 4096
    [PCI-11]."""
    machine(disk(f'{option},num-queues=4'), 'read', keys=('diskqueues=4',)).has(disk.line)


def test_access_platform(machine, disk):
    """Offered, it is accepted, or QEMU would refuse FEATURES_OK; addresses stay physical
    ones, which is what the platform maps them to [NEG-05]."""
    found = machine(disk('iommu_platform=on,disable-legacy=on,disable-modern=off'), 'read')
    assert found.negotiated(ACCESS_PLATFORM)
    found.has(disk.line)
