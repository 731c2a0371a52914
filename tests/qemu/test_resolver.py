# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""Names, with the server that DHCP gives; test_tap.py has those of a file and of net=."""
import re
import socket
import time

import qemu

SERVER = '10.0.2.3'  # that of QEMU's user network


def test_dhcp(image, tmp_path):
    """The application asks before it has its lease: the query goes to the lease's server."""
    frames = tmp_path / 'frames'
    # Between the destination and the name are the headers of UDP and of DNS.
    query = re.compile(re.escape(socket.inet_aton(SERVER)) + b'.{20}\x04name\x04test\0', re.S)
    with qemu.Machine(image('guest/resolve'), cmdline='net=dhcp -- name.test', devices=[
            '-netdev', f'user,id=n0,dns={SERVER}', '-device', 'virtio-net-pci,netdev=n0',
            '-object', f'filter-dump,id=dump,netdev=n0,file={frames}']) as m:
        end = time.monotonic() + m.timeout
        while not query.search(frames.read_bytes()):
            if time.monotonic() > end:
                m.fail(f'no query to {SERVER}')
            m.run_for(0.1)
