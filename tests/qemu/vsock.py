# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""The host's side of a virtio socket device (VIRTIO 1.3 §5.10), for tests: connections that
count what the driver owes them, over the back end of vhost_user.py."""
import collections
import struct
import time

import qemu
import vhost_user

HOST, GUEST = 2, 42
STREAM = 1
REQUEST, RESPONSE, RST, SHUTDOWN, RW, CREDIT_UPDATE, CREDIT_REQUEST = range(1, 8)
NO_RECEIVE, NO_SEND = 1, 2
HEADER = struct.Struct('<QQIIIHHIII')

Packet = collections.namedtuple(
    'Packet', 'src_cid dst_cid src_port dst_port len type op flags buf_alloc fwd_cnt payload')


class Connection:
    """One stream, known by the guest's port and ours."""

    def __init__(self, device, port, guest_port, kind, buf_alloc):
        self.device, self.port, self.guest_port, self.kind = device, port, guest_port, kind
        self.buf_alloc, self.read_count, self.received = buf_alloc, 0, 0
        self.sent = self.guest_fwd = self.guest_alloc = 0
        self.data = bytearray()
        self.open = False
        self.log = []  # operations that came
        self.reading = device.reading  # data are taken as they come

    def send(self, op, payload=b'', flags=0, **lies):
        fields = dict(src_cid=HOST, dst_cid=GUEST, src_port=self.port,
                      dst_port=self.guest_port, len=len(payload), type=self.kind, op=op,
                      flags=flags, buf_alloc=self.buf_alloc, fwd_cnt=self.read_count)
        fields.update(lies)
        if op == RW:
            self.sent += len(payload)
        self.device.put(HEADER.pack(*fields.values()) + payload)

    def credit(self):
        return self.guest_alloc - (self.sent - self.guest_fwd)

    def take(self, packet):
        """What every packet must hold [VSK-02] [VSK-04]."""
        assert packet.src_cid == GUEST and packet.dst_cid == HOST
        assert packet.type == self.kind
        self.log.append(packet.op)
        if packet.op != RST:
            assert packet.buf_alloc > 0
            assert (packet.fwd_cnt - self.guest_fwd) & 0xffffffff <= self.sent - self.guest_fwd
            self.guest_alloc, self.guest_fwd = packet.buf_alloc, packet.fwd_cnt
        if packet.op == RW:
            self.received += packet.len
            assert self.received - self.read_count <= self.buf_alloc, 'beyond the credit'
            self.data += packet.payload
            if self.reading:
                self.read_count = self.received
        elif packet.op == CREDIT_REQUEST:
            self.send(CREDIT_UPDATE)
        elif packet.op == RST:
            self.open = False
        self.device.on_packet(self, packet)


class Vsock(vhost_user.Device):
    """`on_packet(connection, packet)` runs in the device's thread for each packet of a
    connection; `listening` are ports that take connections."""
    features = vhost_user.Device.features | 0b1  # STREAM
    config = struct.pack('<Q', GUEST)

    def __init__(self, path, on_packet=lambda connection, packet: None, listening=(),
                 buf_alloc=65536, packed=False):
        super().__init__(path, packed)
        self.on_packet, self.listening, self.buf_alloc = on_packet, set(listening), buf_alloc
        self.connections, self.waiting, self.stray = {}, collections.deque(), []
        self.reading = True
        self.stopped = False  # the transmit queue is not looked at
        self.machine = None  # the test's

    # Packets to the guest.

    def put(self, data):
        self.waiting.append(data)
        self.deliver()

    def deliver(self):
        queue, any_used = self.queues[0], False
        while self.waiting and self.memory and (chain := queue.pop()):
            self.settle(queue, chain, self.waiting.popleft())
            any_used = True
        if any_used:
            queue.interrupt()

    def connect(self, guest_port, port=5000, kind=STREAM, **lies):
        """From the host to a port of the guest."""
        connection = Connection(self, port, guest_port, kind, self.buf_alloc)
        self.connections[port, guest_port] = connection
        self.run_soon(lambda: connection.send(REQUEST, **lies))
        return connection

    # Packets from the guest.

    def handle(self, queue):
        if queue.index == 0:
            self.deliver()
        if queue.index != 1 or self.stopped:
            return
        any_used = False
        while chain := queue.pop():
            data = chain.readable()
            self.settle(queue, chain, b'')
            any_used = True
            header = HEADER.unpack_from(data)
            packet = Packet(*header, data[HEADER.size:])
            assert packet.len == len(packet.payload), 'a length that is not the payload\'s'
            self.take(packet)
        if any_used:
            queue.interrupt()

    def take(self, packet):
        key = packet.dst_port, packet.src_port
        connection = self.connections.get(key)
        if packet.op == REQUEST:
            assert not (connection and connection.open), 'an address pair that is in use'
            connection = Connection(self, *key, packet.type, self.buf_alloc)
            if packet.dst_port not in self.listening:
                connection.send(RST)
                return
            self.connections[key] = connection
            connection.open = True
            connection.guest_alloc = packet.buf_alloc
            connection.log.append(REQUEST)
            connection.send(RESPONSE)
            self.on_packet(connection, packet)
        elif connection and packet.type == connection.kind:
            if packet.op == RESPONSE:
                connection.open = True
            connection.take(packet)
        else:
            self.stray.append(packet)
            self.on_packet(None, packet)

    def wait(self, condition, timeout=20):
        """From the test: until the condition holds. The guest's output is read meanwhile, as
        a full socket would stop it."""
        end = time.monotonic() + timeout * qemu.PATIENCE
        while not condition():
            assert self.failure is None and time.monotonic() < end, 'it does not come about'
            self.machine.run_for(0.01)
