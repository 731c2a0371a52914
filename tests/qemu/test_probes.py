# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""Each program of tests/probes/ must die, or live, as its first comment says:

    status: trap       how it ends: a number, or boot panic trap stack smash signal
    expect: PATTERN    a line on the serial port, by regular expression, in this order
    machine: WORDS     QEMU arguments it needs besides
"""
import glob
import os
import re

import pytest

import qemu
import rows

PROBES = sorted(glob.glob(os.path.join(qemu.ROOT, 'tests/probes/*.c')))


def promises(path):
    with open(path) as f:
        comment = f.read().split('#include')[0]
    found = re.findall(r'^ \* (status|expect|machine): (.+)$', comment, re.M)
    return {key: [v for k, v in found if k == key] for key in ('status', 'expect', 'machine')}


@pytest.mark.parametrize('path', PROBES, ids=lambda p: os.path.basename(p)[:-2])
def test_probe(path, image):
    says = promises(path)
    status = rows.status_number(says['status'][0])
    words = ' '.join(says['machine']).split()
    name = os.path.basename(path)[:-2]
    with qemu.Machine(image(f'probes/{name}'), memory='64M', devices=words) as machine:
        for pattern in says['expect']:
            machine.wait(pattern)
        code = machine.exit_code()
        if code != status:
            machine.fail(f'ended with status {code}, not {status}')
        if status >= qemu.STATUS['panic']:
            # Law 8: registers and a backtrace with names.
            text = machine.text()
            assert re.search(r'(?i)backtrace|called from', text), text
            assert re.search(r'(?i)rip.*rsp|rsp.*rip', text, re.S) or \
                status != qemu.STATUS['trap'], text
