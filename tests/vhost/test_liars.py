# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""The lying devices of tests/qemu, under the drivers in a Linux process with the sanitizers on: the
program gets errors or what it asked for, and comes to its end."""
import os
import sys

import pytest

import backends

sys.path.append(os.path.join(backends.ROOT, 'tests', 'qemu'))
import hostile_fs  # noqa: E402
import hostile_net  # noqa: E402
import liar  # noqa: E402

RINGS = ('split', 'packed')


class EchoingNet(hostile_net.Net):
    """What nettest wants: each frame back as it was."""

    @staticmethod
    def echo(frame):
        return frame


def run(device, queue, how, times, *arguments):
    """The program's end, after it met that lie."""
    device.start()
    device.tell(how, times, queue)
    try:
        result = backends.run(*arguments, kind='host-asan')
        backends.clean(result, result.returncode)
        assert result.returncode in (0, 1), result
    finally:
        device.stop()
    assert device.failure is None
    return result


def share(folder, ring, how, times=1):
    path = f'{folder}/fs.sock'
    device = hostile_fs.Fs(path, packed=ring == 'packed')
    result = run(device, hostile_fs.REQUESTS, how, times, 'sharetest',
                 f'vhost-user=fs={path},tag=host', 'share_timeout=1', '--', 'host', '/file', 'copy')
    return device, result.stdout


SHARE_LIES = {**liar.RING_LIES['split'], **hostile_fs.FILE_LIES}


@pytest.mark.parametrize('what', SHARE_LIES)
def test_a_share_lies(folder, what):
    """[FS-05] [VQ-16] [VQ-17] [VQ-18] [VQ-20]"""
    device, _ = share(folder, 'split', SHARE_LIES[what].how)
    assert device.lied


@pytest.mark.parametrize('ring', RINGS)
def test_a_share_is_read(folder, ring):
    """The same device without a lie: the file comes, and a copy is not taken."""
    _, out = share(folder, ring, None, 0)
    assert out.startswith(hostile_fs.CONTENT) and b'create: ' in out


@pytest.mark.parametrize('queue, ring', (('rx', 'packed'), ('tx', 'split')))
def test_a_card_lies(folder, queue, ring):
    """Any lies, in any order [NET-18] [NET-19] [PQ-17] [VQ-21]."""
    path = f'{folder}/net.sock'
    device = EchoingNet(path, packed=ring == 'packed')
    lies = list(liar.RING_LIES[ring].values())
    if queue == 'rx':
        lies += hostile_net.RX_LIES.values()
    run(device, hostile_net.RX if queue == 'rx' else hostile_net.TX,
        liar.any_of(lies, f'{ring}{queue}'), liar.EVER, 'nettest', f'vhost-user=net={path}', '--',
        '300')
    assert device.lied
