# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
import functools
import os
import sys

import pytest

import results

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import qemu  # noqa: E402
import rows  # noqa: E402

sys.path.insert(0, os.path.join(qemu.ROOT, 'tests'))
qemu.noted = functools.partial(results.note_machine, 'QEMU')


@pytest.fixture
def image():
    """image('hello') is the path of build/hello.elf, which `make test` has built."""
    def path(name):
        found = rows.image_path(name)
        if not os.path.exists(found):
            pytest.fail(f'{os.path.relpath(found, qemu.ROOT)} is not built')
        return found
    return path


@pytest.fixture
def private_network():
    """Says why not, where the tests have no network of their own to make cards in."""
    if os.environ.get('FERRULE_NETNS') != '1':
        pytest.skip('no network namespace of its own: needs root, or user namespaces')
    if not os.access('/dev/net/tun', os.R_OK | os.W_OK):
        pytest.skip('/dev/net/tun cannot be opened here')
