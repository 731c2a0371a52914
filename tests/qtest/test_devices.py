# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""What QEMU's device models say of themselves, and what the drivers make of it."""


def test_absent_fields(machine):
    """A field of a feature that is not there reads as all ones; the driver does not look
    [CFG-03]: max_virtqueue_pairs is 65535 without MQ, and there is one pair."""
    found = machine(['-netdev', 'user,id=n', '-device', 'virtio-net-pci,netdev=n'], 'config', '0')
    assert not found.offered(22)
    assert found.find(r'^config 0:((?: \d+)+)$')[1].split()[4] == '65535'
    found.find(r'^net0\.0 ')
    found.find(r'^net0\.1 ')


def test_the_control_queue(machine):
    """Without MQ and RSS it is queue 2 [NET-21]."""
    found = machine(['-netdev', 'user,id=n', '-device', 'virtio-net-pci,netdev=n'], 'queues', '4')
    found.find(r'^net0\.2 control: size ')
    assert found.find(r'^sizes:((?: \d+)+)$')[1].split()[2:] == ['8', '0']


def test_console_queues(machine):
    """With MULTIPORT each port has two and the control messages have two; without, there
    are two in all [CON-01]."""
    many = machine(['-device', 'virtio-serial-pci'], 'queues', '6')
    sizes = [int(size) for size in many.find(r'^sizes:((?: \d+)+)$')[1].split()]
    assert sizes[2:] == [32, 32, 128, 128] and min(sizes) > 0
    one = machine(['-device', 'virtio-serial-pci,max_ports=1'], 'queues', '6')
    assert one.find(r'^sizes:((?: \d+)+)$')[1].split()[4:] == ['0', '0']
    assert not one.offered(1)


def test_entropy(machine):
    """One queue of eight entries; the pool is seeded from it [RNG-03]."""
    found = machine(['-device', 'virtio-rng-pci'], 'entropy', 'queues', '2')
    found.has('rng0.0 requests: size 8', 'sizes: 8 0', 'entropy ready 1')


def test_scsi_queues(machine):
    """Control, events, then the requests [SCS-01]."""
    found = machine(['-device', 'virtio-scsi-pci,num_queues=1'], 'queues', '4')
    found.find(r'^scsi0\.0 control: ')
    found.find(r'^scsi0\.1 events: ')
    found.find(r'^scsi0\.2 requests: ')
    assert found.find(r'^sizes:((?: \d+)+)$')[1].split()[3] == '0'


def test_balloon_queues(machine):
    """Optional queues leave no gaps: reporting without hinting is queue 3 [BAL-11]."""
    found = machine(['-device', 'virtio-balloon-pci,free-page-reporting=on'], 'queues', '5')
    found.find(r'^balloon0\.3 report')
    sizes = found.find(r'^sizes:((?: \d+)+)$')[1].split()
    assert sizes[3] == '32' and sizes[4] == '0'


def test_9p_tag(machine, tmp_path):
    """The mount tag is in the configuration, its length before it [P9-01]."""
    found = machine(['-fsdev', f'local,id=f,path={tmp_path},security_model=none',
                     '-device', 'virtio-9p-pci,fsdev=f,mount_tag=share1'], 'config', '0')
    words = [int(word) for word in found.find(r'^config 0:((?: \d+)+)$')[1].split()]
    data = b''.join(word.to_bytes(2, 'little') for word in words)
    assert data[:8] == b'\x06\x00share1'


def test_pmem_address(machine):
    """Without a shared memory region the configuration has start and size [PM-01]."""
    found = machine(['-object', 'memory-backend-ram,id=pm,size=128M',
                     '-device', 'virtio-pmem-pci,memdev=pm'], 'config', '0')
    words = [int(word) for word in found.find(r'^config 0:((?: \d+)+)$')[1].split()]
    assert sum(word << 16 * i for i, word in enumerate(words[4:])) == 128 << 20
    assert sum(word << 16 * i for i, word in enumerate(words[:4])) >= 1 << 32
