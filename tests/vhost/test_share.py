# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""A folder of the host's, in a Linux process, by the same driver and file system as in a
guest: against virtiofsd."""
import os

import pytest

import backends

VIRTIOFSD = '/usr/lib/qemu/virtiofsd'


@pytest.fixture
def daemon(folder):
    if not os.path.exists(VIRTIOFSD):
        pytest.skip(f'there is no {VIRTIOFSD} (Debian 12: qemu-system-common)')
    os.mkdir(f'{folder}/shared')
    if os.getuid():
        pytest.skip('virtiofsd wants to be root')
    with backends.Process([VIRTIOFSD, f'--socket-path={folder}/fs.sock', '-o',
                           f'source={folder}/shared', '-o', 'sandbox=chroot', '-o',
                           'announce_submounts', '-f'], f'{folder}/fs.sock') as process:
        yield process


@pytest.mark.parametrize('size', (1, 4096, 3 << 20))
def test_reads_and_writes(folder, daemon, kind, size):
    """Queue 0 is the hiprio queue, requests go by queue 1 [FS-01]; one INIT for all, whose
    limits are kept [FS-03]: a file in a directory is read whole, and what was read written."""
    data = os.urandom(size)
    os.mkdir(f'{folder}/shared/inner')
    with open(f'{folder}/shared/inner/file', 'wb') as file:
        file.write(data)
    result = backends.run('sharetest', f'vhost-user=fs={daemon.socket},tag=share', '--', 'share',
                          '/inner/file', 'copy', kind=kind)
    backends.clean(result)
    assert result.stdout == data
    with open(f'{folder}/shared/copy', 'rb') as file:
        assert file.read() == data


def test_the_wrong_tag(daemon):
    result = backends.run('sharetest', f'vhost-user=fs={daemon.socket},tag=share', '--', 'other',
                          '/file', 'copy', kind='host-asan')
    assert b'mount: ' in result.stdout
    backends.clean(result, 1)
