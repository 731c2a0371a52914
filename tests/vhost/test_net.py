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


@pytest.mark.parametrize('size', (64, 256, 1024))
def test_frames_come_back(testpmd, kind, size):
    result = backends.run('nettest', f'vhost-user=net={testpmd.socket},size={size}', '--', '20000',
                          kind=kind)
    backends.clean(result)
    assert re.search(rb'20000 frames went and came', result.stdout), result.stdout
