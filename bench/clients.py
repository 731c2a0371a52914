# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""What the host asks the guest over the network: once() is one operation."""
import socket
import struct
import time

from guests import GUEST


class Ping:
    """ICMP echo by a raw socket."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.socket.settimeout(10)
        self.sequence = 0

    def once(self):
        self.sequence = self.sequence + 1 & 0xffff
        body = bytes(56)
        words = struct.unpack('!32H', struct.pack('!BBHHH', 8, 0, 0, 77, self.sequence) + body)
        total = sum(words)
        total = (total & 0xffff) + (total >> 16)
        header = struct.pack('!BBHHH', 8, 0, ~total & 0xffff, 77, self.sequence)
        self.socket.sendto(header + body, (GUEST, 0))
        while True:
            packet = self.socket.recv(2048)[20:]
            if packet[0] == 0 and struct.unpack('!HH', packet[4:8]) == (77, self.sequence):
                return


class Echo:
    def __init__(self, kind, data):
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.settimeout(10)
        self.socket.connect((GUEST, 7))
        if kind == socket.SOCK_STREAM:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = data

    def once(self):
        self.socket.sendall(self.data)
        assert self.socket.recv(2048) == self.data


class Http:
    """Requests of a 1 KiB file on a kept connection."""

    request = b'GET /index.html HTTP/1.1\r\nHost: guest\r\n\r\n'

    def __init__(self):
        self.socket = socket.create_connection((GUEST, 80), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def once(self):
        self.socket.sendall(self.request)
        data = b''
        while b'\r\n\r\n' not in data:
            data += self.socket.recv(65536)
        head, body = data.split(b'\r\n\r\n', 1)
        assert head.startswith(b'HTTP/1.1 200'), head
        while len(body) < 1024:
            body += self.socket.recv(65536)
        assert len(body) == 1024, len(body)


def client(case):
    return {'ping': Ping, 'udp_echo': lambda: Echo(socket.SOCK_DGRAM, b'x' * 18),
            'tcp_echo': lambda: Echo(socket.SOCK_STREAM, b'x'), 'http': Http}[case]()


def connect(case):
    """A client whose first operation has gone well; the guest may just be booting."""
    for _ in range(20):
        try:
            made = client(case)
            made.once()
            return made
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f'bench: the guest does not answer: {case}')
