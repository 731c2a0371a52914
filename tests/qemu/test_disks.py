# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""Disks that change while the guest runs, persistent memory, and ext4 on each kind."""
import subprocess

import pytest

import disks
import qemu

EXT4 = {
    'block-of-4096': ['-device', 'virtio-blk-pci,drive=root,logical_block_size=4096,'
                      'physical_block_size=4096'],
    'block-queues': ['-device', 'virtio-blk-pci,drive=root,num-queues=4'],
    'scsi': ['-device', 'virtio-scsi-pci,id=s', '-device', 'scsi-hd,drive=root,bus=s.0'],
    'scsi-legacy': ['-device', 'virtio-scsi-pci,id=s,disable-modern=on,disable-legacy=off',
                    '-device', 'scsi-hd,drive=root,bus=s.0'],
}


def make_ext4(path):
    subprocess.run(['mke2fs', '-q', '-F', '-t', 'ext4', '-b', '4096', path, '32M'],
                   check=True, stderr=subprocess.DEVNULL)
    return str(path)


def is_sound(path):
    return subprocess.run(['e2fsck', '-fn', path], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def pmem(path, size):
    return ['-object', f'memory-backend-file,id=m,share=on,mem-path={path},size={size}',
            '-device', 'virtio-pmem-pci,memdev=m,id=nv']


@pytest.mark.parametrize('kind', EXT4)
def test_ext4(kind, image, tmp_path):
    """The POSIX files test on each kind of disk; e2fsck finds nothing afterwards."""
    disk = make_ext4(tmp_path / 'disk')
    with qemu.Machine(image('guest/posix_files'), cmdline='disk_queues=4', devices=[
            '-drive', f'file={disk},format=raw,if=none,id=root', *EXT4[kind]]) as machine:
        assert machine.exit_code(90) == 0, machine.text()
    assert is_sound(disk)


def test_ext4_pmem(image, tmp_path):
    """[PM-01] The same on persistent memory."""
    disk = make_ext4(tmp_path / 'disk')
    with qemu.Machine(image('guest/posix_files'), cmdline='root=pmem0',
                      memory='128M,maxmem=1G', devices=pmem(disk, '32M')) as machine:
        assert machine.exit_code(90) == 0, machine.text()
    assert is_sound(disk)


@pytest.mark.parametrize('variant', ['', ',packed=on', ',indirect_desc=off,event_idx=off'])
def test_pmem(variant, image, tmp_path):
    """[PM-02] [PM-04] What was read is the file's, and after the flush the host's file has
    what was written, while the guest still runs."""
    disk = disks.Disk(tmp_path, 0, '2M')
    devices = pmem(disk.path, '2M')
    devices[-1] += variant
    with qemu.Machine(image('guest/blocks'), memory='128M,maxmem=1G',
                      devices=devices) as machine:
        machine.wait(f'read pmem0: 0, sum {disk.sum()}')
        machine.wait('write pmem0: 0')
        with open(disk.path, 'rb') as f:
            data = f.read()
        assert data[-65536:] == disks.written_pattern()
        assert data[:-65536] == disks.pattern(disk.size, disk.seed)[:-65536]
        assert machine.exit_code() == 0


@pytest.mark.parametrize('kind', ['vda', 'sda'])
def test_resize(kind, image, tmp_path):
    """[BLK-19] [SCS-07] A disk grows and shrinks: its size follows, and its last sector can
    be read."""
    disk = disks.Disk(tmp_path, 0, '1M')
    devices = {'vda': ['-device', 'virtio-blk-pci,drive=disk0'],
               'sda': ['-device', 'virtio-scsi-pci,id=s', '-device',
                       'scsi-hd,drive=disk0,bus=s.0']}[kind]
    with qemu.Machine(image('guest/disk_watch'),
                      devices=disk.arguments + devices) as machine:
        for size in (1 << 20, 3 << 20, 1 << 19):
            if size != disk.size:
                machine.qmp('block_resize', device='disk0', size=size)
            machine.wait(f'^now {kind} {size // 512}$')
            machine.wait(f'^read {kind} 0$')


def test_medium(image, tmp_path):
    """A CD is exchanged: its size follows, and nothing fails for long."""
    for index, size in enumerate(('1M', '2M')):
        disks.Disk(tmp_path, index, size)
    with qemu.Machine(image('guest/disk_watch'), devices=[
            '-device', 'virtio-scsi-pci,id=s', '-device', 'scsi-cd,bus=s.0,id=cd,drive=disk0',
            '-drive', f'if=none,id=disk0,format=raw,readonly=on,file={tmp_path}/disk0.img'
            ]) as machine:
        for turn in range(3):
            machine.wait(f'^now sda {2048 << turn % 2}$')
            machine.wait('^read sda 0$')
            machine.qmp('blockdev-change-medium', id='cd', format='raw',
                        filename=f'{tmp_path}/disk{1 - turn % 2}.img')


def test_scsi_plug(image, tmp_path):
    """[SCS-07] Units come and go by events: found under the next name, -ENODEV for who
    still holds one, and the name is free again when nobody does."""
    disk = disks.Disk(tmp_path, 0, '1M')
    with qemu.Machine(image('guest/disk_watch'), devices=disk.arguments + [
            '-device', 'virtio-scsi-pci,id=s', '-device',
            'scsi-hd,drive=disk0,bus=s.0']) as machine:
        machine.wait('^now sda 2048$')
        for turn in range(3):
            machine.qmp('blockdev-add', driver='null-co', node_name=f'hot{turn}',
                        size=(turn + 2) << 20, read_zeroes=True)
            machine.qmp('device_add', driver='scsi-hd', drive=f'hot{turn}', bus='s.0',
                        id=f'unit{turn}', **{'scsi_id': 4 + turn, 'lun': turn})
            machine.wait(f'^now sdb {(turn + 2) << 11}$')
            machine.wait('^read sdb 0$')
            machine.qmp('device_del', id=f'unit{turn}')
            machine.wait('^gone sdb$')
            machine.wait('^held sdb -19$')
        machine.qmp('block_resize', device='disk0', size=2 << 20)
        machine.wait('^now sda 4096$')
