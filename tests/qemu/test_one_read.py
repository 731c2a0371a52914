# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""The worked example of the virtio paper (§5.1.1) on a real device: reading one block is
one notification and one interrupt, as QEMU's own trace counts them."""
import re

import pytest

import disks
import qemu

VARIANTS = {
    'modern': 'disable-legacy=on,disable-modern=off',
    'legacy': 'disable-modern=on,disable-legacy=off',
    'no-event-index': 'event_idx=off',
    'no-indirect': 'indirect_desc=off',
    'plain-ring': 'event_idx=off,indirect_desc=off',
    'intx': 'vectors=0',
}


@pytest.mark.parametrize('variant', VARIANTS)
def test_one_read(variant, tmp_path, image):
    disk = disks.Disk(tmp_path, 0, '1M')
    device = f'virtio-blk-pci,drive=disk0,ioeventfd=off,{VARIANTS[variant]}'
    with qemu.Machine(image('guest/one_read'), devices=[*disk.arguments, '-device', device],
                      trace=('virtio_queue_notify', 'virtio_notify', 'virtio_blk_req_complete',
                             'virtio_blk_handle_read')) as machine:
        machine.wait('^before')
        data = disks.pattern(disk.size, disk.seed)[4096:8192]
        machine.wait(f'status 0, first byte {data[0]:02x}, last byte {data[-1]:02x}')
        counted = machine.wait(r'kicks (\d+), interrupts (\d+), chains (\d+)')
        assert counted.groups() == (b'1', b'1', b'1')
        assert machine.exit_code() == 0
        reads = machine.traced('virtio_blk_handle_read')
        assert len(reads) == 1 and re.search(r'sector 8 nsectors 8', reads[0]), reads
        # The driver itself has read nothing else, so these are all there ever were. A
        # serial number asked for at boot is one more request, and is counted with it.
        requests = len(machine.traced('virtio_blk_req_complete'))
        assert len(machine.traced('virtio_queue_notify')) == requests
        assert len(machine.traced('virtio_notify')) == requests
