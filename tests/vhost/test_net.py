# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""Drivers in a Linux process, against DPDK's vhost: the one back end at hand that has
packed rings and in-order use together."""
import re

import pytest

import backends

if not backends.TESTPMD:
    pytest.skip('dpdk-testpmd is not installed (Debian: dpdk-dev)', allow_module_level=True)


@pytest.fixture
def testpmd(folder):
    try:
        daemon = backends.Testpmd(folder)
    except AssertionError as error:
        pytest.skip(f'dpdk-testpmd does not run here: {str(error)[-300:]}')
    with daemon:
        yield daemon


RINGS = {'split': (0, 0), 'split-in-order': (0, 1), 'packed': (1, 0), 'packed-in-order': (1, 1)}


@pytest.mark.parametrize('size', (64, 256, 1024))
@pytest.mark.parametrize('ring', RINGS)
def test_frames_come_back(testpmd, kind, ring, size):
    """Each layout of the ring, as a device of somebody else's understands it: frames of all
    sizes, compared byte for byte [NEG-06]."""
    result = backends.run('nettest', f'vhost-user=net={testpmd.socket},size={size}',
                          f'virtio_ring={ring}', '--', '20000', kind=kind)
    backends.clean(result)
    packed, in_order = RINGS[ring]
    wanted = f'20000 frames went and came, packed {packed}, in order {in_order}, event index 1'
    assert wanted in result.stdout.decode(), result.stdout


@pytest.mark.parametrize('size', (13, 100, 1000))
def test_packed_of_any_size(testpmd, size):
    """A packed ring need not be a power of two [PQ-01]."""
    result = backends.run('nettest', f'vhost-user=net={testpmd.socket},size={size}', '--', '5000',
                          kind='host-asan')
    backends.clean(result)
    assert b'5000 frames went and came, packed 1, in order 1' in result.stdout, result.stdout
