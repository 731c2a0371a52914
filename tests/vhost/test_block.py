# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""Drivers in a Linux process, against QEMU's own vhost-user-blk."""
import os
import subprocess

import pytest

import backends

MIB = 1 << 20


@pytest.fixture
def image(folder):
    path = f'{folder}/disk.img'
    with open(path, 'wb') as file:
        file.write(os.urandom(4 * MIB))
    return path


def contents(path):
    with open(path, 'rb') as file:
        return file.read()


def test_reads_every_byte(folder, image, kind):
    """An unchanged application prints the disk as it is."""
    with backends.StorageDaemon(folder, image) as daemon:
        result = backends.run('blkcat', '--vhost-user', f'blk={daemon.socket}', '--', 'vda', '0',
                              '8192', kind=kind)
        said = backends.clean(result)
        assert result.stdout == contents(image)
        assert 'vda: 8192 sectors, serial "vhost_user_blk"' in said


@pytest.mark.parametrize('size', (4, 16, 128, 1024))
def test_writes_and_reads(folder, image, kind, size):
    """Every queue size: what the program wrote is what the host finds."""
    with backends.StorageDaemon(folder, image) as daemon:
        result = backends.run('disktest', f'vhost-user=blk={daemon.socket},size={size}', '--',
                              'write', kind=kind)
        backends.clean(result)
        assert b'flush: 0\n0 of 1024 blocks are wrong\nbeyond the end: -22\n' in result.stdout
    data = contents(image)
    for number in (0, 5, 1023):
        block = bytes((number * 31 + i * 7 + (i >> 8) + 1) & 255 for i in range(4096))
        assert data[number * 4096:(number + 1) * 4096] == block


def test_a_queue_too_small(folder, image, kind):
    """A request has three pieces at least, and none may be longer than the queue: that is
    said, and the program goes on without the disk."""
    with backends.StorageDaemon(folder, image) as daemon:
        result = backends.run('disktest', f'vhost-user=blk={daemon.socket},size=2', kind=kind)
        assert 'cannot be used' in backends.clean(result, 3)


def test_one_after_the_other(folder, image, kind):
    """A back end finds nothing left over by the program before: devices are reset at the
    end [INI-14], and each ring was stopped before its memory went [INI-09]."""
    with backends.StorageDaemon(folder, image) as daemon:
        for _ in range(3):
            result = backends.run('disktest', f'vhost-user=blk={daemon.socket}', kind=kind)
            backends.clean(result)


def test_the_back_end_dies(folder, image, kind):
    """Requests in flight fail, later ones do so at once; nothing hangs, nothing crashes."""
    with backends.StorageDaemon(folder, image) as daemon:
        process = subprocess.Popen(
            [backends.program('disktest', kind), f'vhost-user=blk={daemon.socket}', '--', 'poll'],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert backends.line(process) == b'polling\n'
        daemon.kill()
        out, said = process.communicate(timeout=backends.SECONDS)
        assert b'Sanitizer' not in said and process.returncode == 0, said
        assert b'a read failed: ' in out and b'\nunplugged\n' in out, out
        assert b'it has closed the connection' in said


def test_without_a_back_end(folder, kind):
    result = backends.run('blkcat', '--vhost-user', f'blk={folder}/none', kind=kind)
    said = backends.clean(result, 1)
    assert f'no back end listens at {folder}/none' in said and 'no such disk' in said
