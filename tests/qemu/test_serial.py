# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""The serial port of a host that is slow to read."""
import socket
import time

import pytest

import qemu


def capacity():
    """How many single bytes a socket holds that nobody reads."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    count = 0
    with ours, theirs:
        try:
            while count < 1 << 20:
                count += ours.send(b'x')
        except BlockingIOError:
            pass
    return count


@pytest.mark.parametrize('beyond', [2, 4, 8, 16])
def test_last_words(beyond, image):
    """The machine ends when the host has taken all of its text, not before, even if the last
    few bytes find no room at first."""
    start, end = 'Hello from hello!\r\nargument 1: ', '\r\n'
    word = 'w' * (capacity() + beyond - len(start + end))
    with qemu.Machine(image('hello'), cmdline=f'-- {word}') as machine:
        serial = machine.streams['serial'].ours
        serial.setblocking(True)
        serial.settimeout(20 * qemu.PATIENCE)
        text = serial.recv(1)
        time.sleep(0.1)
        while got := serial.recv(1000):
            text += got
        assert machine.process.wait(20 * qemu.PATIENCE) == 1
    assert text.decode() == start + word + end
