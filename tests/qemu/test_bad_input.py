# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""What is missing, broken or contradicts itself: each gives a clear message or an error
status, the rest runs on, and nothing hangs or dies."""
import os
import random
import re
import shutil

import pytest

import disks
import http_checks
import qemu
from test_httpd import CMDLINE, await_server, drive, server, user_network
from test_rows import free_port


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    """A folder, an ext4 disk of it, and a cpio archive of it."""
    folder = disks.sample_tree(str(tmp_path_factory.mktemp('tree')))
    work = tmp_path_factory.mktemp('images')
    return (folder, disks.ext4_of(folder, str(work / 'ext4')),
            disks.cpio_of(folder, str(work / 'initrd')))


def files_machine(image, devices=(), cmdline='root=vda', initrd=None, **kw):
    return qemu.Machine(image('guest/files'), cmdline=cmdline, devices=devices, initrd=initrd,
                        **kw)


def survives(machine):
    """The guest comes to its own end, whatever it says; its status."""
    status = machine.exit_code(60)
    assert status < qemu.STATUS['boot'], machine.text()
    assert not re.search('(?i)panic', machine.text()), machine.text()
    return status


def listed(machine):
    lines = machine.text().splitlines()
    return {line for line in lines if re.match('(file|directory|link) ', line)
            and '/lost+found' not in line}


def test_files_ext4(tree, image):
    """The reference: all is there, byte for byte."""
    with files_machine(image, drive(tree[1])) as machine:
        assert survives(machine) == 0
        assert listed(machine) == disks.listing(tree[0])


@pytest.mark.parametrize('door', qemu.DOORS)
def test_files_initrd(door, tree, image):
    if door == 'uefi' and not qemu.ovmf():
        pytest.skip('no UEFI firmware here (package ovmf)')
    with files_machine(image, cmdline='', initrd=tree[2], door=door, timeout=60) as machine:
        assert survives(machine) == 0
        assert not disks.listing(tree[0]) - listed(machine), machine.text()[-3000:]


@pytest.mark.parametrize('size', [1024, 2048])
def test_ext4_block_sizes(size, tree, image, tmp_path):
    import subprocess
    disk = str(tmp_path / 'disk')
    subprocess.run(['mke2fs', '-q', '-t', 'ext4', '-b', str(size), '-d', tree[0], disk, '24M'],
                   check=True, env={**os.environ, 'PATH': os.environ['PATH'] + ':/usr/sbin:/sbin'})
    with files_machine(image, drive(disk)) as machine:
        assert survives(machine) == 0
        assert listed(machine) == disks.listing(tree[0])


def test_no_disk(image):
    port = free_port()
    with qemu.Machine(image('httpd'), cmdline=f'{CMDLINE} -- -p 80 /', console=True,
                      devices=user_network(port)) as machine:
        machine.wait('(?i)vda')
        finish(machine)


def finish(machine):
    """Says poweroff, unless the guest has already ended by itself: in good order."""
    machine.run_for(1)
    if machine.process.poll() is None:
        machine.send('poweroff\r')
    status = machine.exit_code()
    assert status < qemu.STATUS['boot'], machine.text()


def test_no_file_system(image, tmp_path):
    disk = tmp_path / 'zeroes'
    disk.write_bytes(bytes(4 << 20))
    with files_machine(image, drive(disk)) as machine:
        machine.wait('(?i)(vda|ext4|root|file system).*')
        survives(machine)


def test_noise_for_a_file_system(image, tmp_path):
    disk = tmp_path / 'noise'
    disk.write_bytes(random.Random(3).randbytes(4 << 20))
    with files_machine(image, drive(disk)) as machine:
        survives(machine)


@pytest.mark.parametrize('kept', [1024, 2048, 65536, 1 << 20, 4 << 20])
def test_truncated_ext4(kept, tree, image, tmp_path):
    disk = str(tmp_path / 'disk')
    shutil.copy(tree[1], disk)
    os.truncate(disk, kept)
    with files_machine(image, drive(disk)) as machine:
        survives(machine)


@pytest.mark.parametrize('seed', range(8))
def test_corrupt_ext4(seed, tree, image, tmp_path):
    """Bytes of the metadata, or anywhere, overwritten: errors, never a death."""
    rng = random.Random(seed)
    disk = str(tmp_path / 'disk')
    shutil.copy(tree[1], disk)
    size = os.path.getsize(disk)
    with open(disk, 'r+b') as f:
        for _ in range(200):
            # The superblock's first words stay, so that the rest is looked at.
            f.seek(rng.randrange(4096, 1 << 20) if seed % 2 else rng.randrange(2048, size))
            f.write(rng.randbytes(rng.choice([1, 4, 64])))
    with files_machine(image, drive(disk), timeout=60) as machine:
        survives(machine)


def test_corrupt_superblock(tree, image, tmp_path):
    disk = str(tmp_path / 'disk')
    for seed in range(4):
        shutil.copy(tree[1], disk)
        with open(disk, 'r+b') as f:
            f.seek(1024 + (0, 24, 88, 208)[seed])
            f.write(b'\xff' * 8)
        with files_machine(image, drive(disk)) as machine:
            survives(machine)


@pytest.mark.parametrize('seed', range(6))
def test_corrupt_initrd(seed, tree, image, tmp_path):
    rng = random.Random(seed)
    with open(tree[2], 'rb') as f:
        data = bytearray(f.read())
    if seed == 0:
        data = data[:len(data) // 2]
    elif seed == 1:
        data = bytearray(rng.randbytes(100000))
    elif seed == 2:
        data = data[:50]
    else:
        for _ in range(50):
            data[rng.randrange(len(data) // 50)] = rng.choice(b'0123456789abcdefg\0\xff')
    archive = str(tmp_path / 'initrd')
    with open(archive, 'wb') as f:
        f.write(data)
    with files_machine(image, cmdline='', initrd=archive) as machine:
        machine.wait('(?i)initrd|walked')
        survives(machine)


def test_no_network_card(tree, image):
    """The server says so and waits; the shell works."""
    with qemu.Machine(image('httpd'), cmdline=f'{CMDLINE} -- -p 80 /', console=True,
                      devices=drive(tree[1])) as machine:
        finish(machine)


@pytest.mark.parametrize('cmdline, says', [
    ('nonsense=1 -- a', 'nonsense'),
    ('=x', '.'), ('net=', '.'), ('log=loud', 'log'), ('root=', '.'),
    ('"unclosed', '.'), ('-- ' + 'x ' * 500, 'argument 500: x'),
    ('a' * 1500, '.'), ('console=telegraph', 'console'), ('--', 'Hello'),
])
def test_command_line(cmdline, says, image):
    with qemu.Machine(image('hello'), cmdline=cmdline) as machine:
        machine.wait(says)
        machine.streams['serial'].seen = 0
        machine.wait('Hello from')
        survives(machine)


@pytest.mark.parametrize('cmdline', ['net=300.1.1.1/24', 'net=dhpc', 'net=10.0.0.1/99',
                                     'net=10.0.0.1/24,gw=nowhere', 'root=vdz', 'root=/../x'])
def test_command_line_of_server(cmdline, tree, image):
    port = free_port()
    with qemu.Machine(image('httpd'), cmdline=f'{cmdline} -- -p 80 /', console=True,
                      devices=drive(tree[1]) + user_network(port)) as machine:
        machine.wait(re.escape(cmdline.split('=')[0]))
        finish(machine)


@pytest.mark.parametrize('memory', ['8M', '12M', '16M'])
def test_little_memory(memory, tree, image):
    """Either it serves, or it says what it has no memory for; it ends in good order."""
    port = free_port()
    with qemu.Machine(image('httpd'), cmdline=f'{CMDLINE} -- -p 80 /', console=True,
                      memory=memory, devices=drive(tree[1]) + user_network(port)) as machine:
        machine.wait('(?i)httpd: serving|memory')
        machine.run_for(2)
        status = None
        if machine.process.poll() is None:
            machine.send('poweroff\r')
        status = machine.exit_code()
        assert status < qemu.STATUS['boot'] or status == qemu.STATUS['boot'] and \
            re.search('(?i)memory', machine.text()), machine.text()


def test_disk_goes_wrong(tree, image):
    """Every read fails from some moment on: the server answers with errors, and lives."""
    port = free_port()
    devices = ['-blockdev', f'driver=file,node-name=file,filename={tree[1]}',
               '-blockdev', 'driver=raw,node-name=raw,file=file',
               '-blockdev', 'driver=blkdebug,node-name=bad,image=raw',
               '-device', 'virtio-blk-pci,drive=bad,rerror=report'] + user_network(port)
    with server(image, devices) as machine:
        await_server(machine, port)
        machine.qmp('block_resize', node_name='bad', size=1 << 20)
        answer = http_checks.ask('127.0.0.1', port, '/large.bin')
        assert answer.status in (404, 500, 503), answer.status
        machine.run_for(0.5)
        assert machine.process.poll() is None, machine.text()
        finish(machine)
