# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""Boots each row of machines.txt and looks at what it prints and how it ends."""
import os
import re
import socket
import types

import pytest

import checks
import disks
import qemu
import rows


def free_port():
    """A port that is free for TCP and UDP at this moment."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(('127.0.0.1', 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            return tcp.getsockname()[1]


def reason_to_skip(row):
    if row.door == 'uefi' and not qemu.ovmf():
        return 'no UEFI firmware here (package ovmf)'
    return None


@pytest.mark.parametrize('row', rows.read(), ids=str)
def test_row(row, tmp_path, image):
    reason = reason_to_skip(row)
    if reason:
        pytest.skip(reason)
    path = image(row.image)
    port = free_port()
    files = [disks.Disk(tmp_path, i, text) for i, text in enumerate(row.disks)]
    initrd = None
    if row.initrd:
        initrd = disks.cpio_of(os.path.join(qemu.ROOT, row.initrd[0]), tmp_path / 'initrd')
    devices = [word for disk in files for word in disk.arguments]
    devices += [word.replace('{port}', str(port)) for word in row.devices]
    sums = {f'{{sum{i}}}': disk.sum() for i, disk in enumerate(files)}
    with qemu.Machine(path, door=row.door, machine=row.machine, memory=row.memory,
                      cpu=row.cpu, cmdline=row.cmdline, devices=devices, initrd=initrd,
                      console=row.console, timeout=row.timeout) as machine:
        extra = types.SimpleNamespace(disks=files, port=port)
        for name in row.check:
            getattr(checks, name)(machine, row, extra)
        machine.streams['serial'].seen = 0
        for pattern in row.expect:
            for word, value in sums.items():
                pattern = pattern.replace(word, value)
            machine.wait(pattern)
        code = machine.exit_code()
        text = machine.text()
        if code != row.status:
            machine.fail(f'ended with status {code}, not {row.status}')
        for pattern in row.forbid:
            if re.search(pattern, text, re.M):
                machine.fail(f'printed what it must not: {pattern}')
