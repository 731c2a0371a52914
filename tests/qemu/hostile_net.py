# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""A network card that may lie, with a host behind it that echoes datagrams (VIRTIO 1.3 §5.1)."""
import collections
import os
import struct

import vhost_user
from liar import EAGAIN, Liar, Lie, answered, differently

HEADER = struct.Struct('<BBHHHHH')  # flags, gso_type, hdr_len, gso_size, csum_…, num_buffers
NEEDS_CSUM, DATA_VALID = 1, 2
TCPV4, UDP, TCPV6, UDP_L4, ECN = 1, 3, 4, 5, 0x80
CSUM, GUEST_CSUM, GUEST_TSO4, GUEST_TSO6, MRG_RXBUF = (1 << bit for bit in (0, 1, 7, 8, 15))
HOST_MAC, HOST_IP = b'\x52\x55\x0a\x00\x02\x02', bytes((10, 0, 2, 2))
ARP, IPV4 = b'\x08\x06', b'\x08\x00'
PROTOCOL_UDP = 17
ECHO_PORT = 7
RX, TX = 0, 1


class Net(Liar):
    kind, name_in_guest = 'net', 'net0'
    protocol_features = vhost_user.PROTOCOL_MQ | vhost_user.PROTOCOL_REPLY_ACK
    features = (Liar.features | CSUM | GUEST_CSUM | GUEST_TSO4 | GUEST_TSO6 | MRG_RXBUF)
    lost = {EAGAIN}  # a frame that did not come is waited for in vain
    broken = {0, EAGAIN}
    cmdline = 'net=10.0.2.15/24'
    overrides = {
        # Most receive buffers are in flight: nothing is in the one of another.
        (RX, 'id of another'): differently('id of another', None, {EAGAIN}),
        (RX, 'unwritten'): differently('unwritten', False, {EAGAIN}),
        # The driver may be faster, and use that slot itself.
        (TX, 'id again'): differently('id again', None, None),
    }

    def __init__(self, path, **more):
        super().__init__(path, **more)
        self.waiting = collections.deque()

    @classmethod
    def arguments(cls, path, options):
        # Without KVM, QEMU 7.2 itself falls when such a card starts with MSI-X.
        words = vhost_user.arguments('virtio-net-pci', path)
        return words[:-2] + ['-netdev', 'vhost-user,id=n0,chardev=backend', '-device',
                             'virtio-net-pci,netdev=n0,vectors=0,mac=52:54:00:12:34:56' + options]

    def answer(self, queue, chain):
        if queue.index == RX:
            return None
        frame = chain.readable()[HEADER.size:]
        reply = self.echo(frame)
        if reply:
            self.waiting.append(reply)
        return b''

    def pop_all(self, queue):
        # Receive buffers stay where they are until there is something for them.
        return [] if queue.index == RX else super().pop_all(queue)

    def handle(self, queue):
        super().handle(queue)
        self.deliver()

    def deliver(self):
        queue = self.queues[RX]
        used = False
        while self.waiting and self.memory and (chain := queue.pop()):
            header = HEADER.pack(0, 0, 0, 0, 0, 0, 1)
            self.settle(queue, chain, header + self.waiting.popleft())
            used = True
        if used:
            queue.interrupt()

    @staticmethod
    def echo(frame):
        kind, rest = frame[12:14], frame[14:]
        head = frame[6:12] + HOST_MAC + kind
        if kind == ARP and rest[6:8] == b'\0\1' and rest[24:28] == HOST_IP:
            return head + rest[:6] + b'\0\2' + HOST_MAC + HOST_IP + rest[8:18]
        if kind != IPV4 or rest[9] != PROTOCOL_UDP or rest[16:20] != HOST_IP:
            return None
        size = 4 * (rest[0] & 15)
        source, target, length = struct.unpack_from('>HHH', rest, size)
        if target != ECHO_PORT:
            return None
        # Addresses and ports swap places, which no sum notices; that of the datagram is left out.
        return (head + rest[:12] + rest[16:20] + rest[12:16] + rest[20:size] +
                struct.pack('>HHHH', target, source, length, 0) + rest[size + 8:size + length])


def is_datagram(answer):
    return answer[HEADER.size + 12:HEADER.size + 14] == IPV4


def header(results, **fields):
    """The reply, under another header."""
    names = ('flags', 'gso_type', 'hdr_len', 'gso_size', 'csum_start', 'csum_offset',
             'num_buffers')
    values = [fields.get(name, name == 'num_buffers') for name in names]

    def spoil(_, answer):
        return HEADER.pack(*values) + answer[HEADER.size:] if is_datagram(answer) else None
    return answered(spoil, False, results)


def frame(spoil, results=None):
    return answered(lambda _, answer: spoil(answer) if is_datagram(answer) else None, False,
                    results or Net.lost)


def pieces(results, *sizes):
    """A merged frame of such pieces, whatever is in them."""
    def how(queue, chain, answer):
        if not is_datagram(answer):
            return False
        chain.fill(HEADER.pack(0, 0, 0, 0, 0, 0, len(sizes)) + answer[HEADER.size:])
        queue.push(chain, sizes[0])
        for size in sizes[1:]:
            other = queue.pop()
            queue.push(other, size)
        return True
    return Lie(how, False, results)


def flood(queue, chain, answer):
    """Noise to the end of the buffers, then the answer."""
    queue.device.waiting.append(answer[HEADER.size:])
    queue.push(chain, chain.fill(os.urandom(chain.room())))
    while chain := queue.pop():
        queue.push(chain, chain.fill(os.urandom(chain.room())))


LOST, EITHER = Net.lost, {0, EAGAIN}
RX_LIES = {
    'no buffers': header(LOST, num_buffers=0),
    'more buffers than any': header(LOST, num_buffers=65535),
    'buffers that are not there': header(LOST, num_buffers=3),
    'a piece of nothing': pieces(LOST, 100, 0),
    'a piece beyond its buffer': pieces({EAGAIN, 'wrong'}, 100, 1 << 20),
    'pieces of 64 KiB and more': pieces(LOST, *[1500] * 60),
    'checksum beyond the frame': header(LOST, flags=NEEDS_CSUM, csum_start=65535,
                                        csum_offset=65535),
    'checksum at its end': header(LOST, flags=NEEDS_CSUM, csum_start=1030, csum_offset=11),
    'checksum of the whole frame': header(EITHER, flags=NEEDS_CSUM),
    'unknown flags': header({0}, flags=0xf8),
    'valid and needed': header(EITHER, flags=NEEDS_CSUM | DATA_VALID, csum_start=34,
                               csum_offset=6),
    'unknown segmentation': header(LOST, gso_type=9, gso_size=100),
    'segmentation that was not agreed': header(LOST, gso_type=UDP_L4, gso_size=100),
    'segments of nothing': header(LOST, gso_type=TCPV4),
    'segments of a byte': header(EITHER, gso_type=TCPV4, gso_size=1),
    'segments of another protocol': header(EITHER, gso_type=TCPV6 | ECN, gso_size=1400),
    'segments without a kind': header({0}, gso_type=ECN, gso_size=100),
    'header length beyond': header({0}, hdr_len=65535),
    'all ones': header(LOST, flags=255, gso_type=255, hdr_len=65535, gso_size=65535,
                       csum_start=65535, csum_offset=65535, num_buffers=65535),
    'header alone': frame(lambda answer: answer[:HEADER.size]),
    'half a header': frame(lambda answer: answer[:5]),
    'half an address': frame(lambda answer: answer[:HEADER.size + 9]),
    'an Ethernet header alone': frame(lambda answer: answer[:HEADER.size + 14]),
    'half a datagram': frame(lambda answer: answer[:200]),
    'noise behind the addresses': frame(lambda answer: answer[:26] + os.urandom(len(answer) - 26)),
    'a flood of noise': Lie(flood, False, EITHER),
}
