# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""The smallest image under KVM, where the processor can do it."""
import os

import pytest

import qemu


@pytest.mark.parametrize('door', ['multiboot1', 'pvh'])
def test_kvm_hello(door, image):
    if not qemu.cpu_has_virtualisation() and os.environ.get('FERRULE_KVM') != '1':
        pytest.skip('/proc/cpuinfo has neither vmx nor svm (FERRULE_KVM=1 tries all the same)')
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        pytest.skip('/dev/kvm cannot be opened here')
    with qemu.Machine(image('hello'), door=door, accel='kvm', cpu='host') as machine:
        machine.wait('^Hello from')
        assert machine.exit_code() == 0
