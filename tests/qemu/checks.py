# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""The host's side of the rows of machines.txt: each is called with the running machine,
its row, and a namespace: disks (disks.Disk), port (a free one), cpu."""
import os
import re
import socket
import time

import disks as disk_files


def written(machine, row, extra):
    """The guest's pattern is on the end of each disk, and nothing else was touched."""
    machine.wait(r'^\d+ disks')
    machine.wait_end()
    for disk in extra.disks:
        if disk.read_only or disk.size < 65536:
            continue
        with open(disk.path, 'rb') as f:
            data = f.read()
        assert data[-65536:] == disk_files.written_pattern(), disk.path
        assert data[:-65536] == disk_files.pattern(disk.size, disk.seed)[:-65536], disk.path


def unlike(machine, row, extra):
    """Random lines differ, and look random: each byte value is rare."""
    machine.wait(r'^entropy')
    found = re.findall(r'^random ([0-9a-f]{64})$', machine.text(), re.M)
    assert len(found) == 2 and found[0] != found[1], found
    for line in found:
        assert len(set(bytes.fromhex(line))) > 20, line


def connect_unix(machine, path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(machine.timeout)
    s.connect(path)
    return s


def receive(s, count):
    data = b''
    while len(data) < count:
        got = s.recv(65536)
        if not got:
            break
        data += got
    return data


def ports(machine, row, extra):
    """Lines come back in capitals on one named port, and then on the other."""
    for name in ('first', 'second'):
        s = connect_unix(machine, os.path.join(machine.tmp, name))
        machine.wait(rf'port org\.example\.{name}: there')
        for size in (1, 100, 1000, 4096):
            text = (name * 4096)[:size].encode()
            s.sendall(text)
            got = receive(s, size)
            assert got == text.upper(), f'{len(got)} bytes of {size}: {got[:40]}'
        s.sendall(b'end')
        machine.wait(rf'port org\.example\.{name} ended with 0')
        s.close()


def udp_exchange(s, address, data, attempts=20):
    """A datagram and its answer; sent again when it is lost, as the guest may just boot."""
    for _ in range(attempts):
        s.sendto(data, address)
        end = time.monotonic() + 1
        while time.monotonic() < end:
            s.settimeout(max(0.01, end - time.monotonic()))
            try:
                got = s.recv(65536)
            except (TimeoutError, socket.timeout, ConnectionRefusedError):
                break
            if got == data:
                return
    raise AssertionError(f'no answer to a datagram of {len(data)} bytes')


def echo_at(machine, address, largest=1472):
    """Datagrams and several streams at once come back byte for byte."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for size in (1, 18, 500, largest):
            udp_exchange(udp, address, os.urandom(size))
        streams = []
        for _ in range(8):
            s = socket.create_connection(address, timeout=machine.timeout)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            streams.append(s)
        for size in (1, 1000, 30000):
            sent = [os.urandom(size) for _ in streams]
            for s, data in zip(streams, sent):
                s.sendall(data)
            for s, data in zip(streams, sent):
                assert receive(s, size) == data, f'{size} bytes by TCP'
        for s in streams:
            s.close()
        udp.sendto(b'end', address)
    machine.wait('echo ends')


def echo(machine, row, extra):
    machine.wait(r'^SERVING')
    echo_at(machine, ('127.0.0.1', extra.port), 1300 if 'host_mtu' in str(row.devices) else 1472)
