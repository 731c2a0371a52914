# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""The back end of a vhost-user device: what QEMU's vhost-user-…-pci talk to, so that a test
can be the device behind a real guest, and lie in its rings if it wants to.

Split rings without event index. A device is a subclass with handle(queue); it runs in a
thread of its own."""
import mmap
import os
import select
import socket
import struct
import threading

VERSION_1, PROTOCOL_FEATURES = 1 << 32, 1 << 30
PROTOCOL_MQ, PROTOCOL_REPLY_ACK, PROTOCOL_CONFIG = 1 << 0, 1 << 3, 1 << 9

# Requests (vhost-user protocol).
(GET_FEATURES, SET_FEATURES, SET_OWNER, SET_MEM_TABLE, SET_VRING_NUM, SET_VRING_ADDR,
 SET_VRING_BASE, GET_VRING_BASE, SET_VRING_KICK, SET_VRING_CALL, GET_PROTOCOL_FEATURES,
 SET_PROTOCOL_FEATURES, GET_QUEUE_NUM, SET_VRING_ENABLE, GET_CONFIG) = (
     1, 2, 3, 5, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 24)
NEED_REPLY = 8

DESC_NEXT, DESC_WRITE = 1, 2
AVAIL_NO_INTERRUPT = 1


class Gone(Exception):
    """QEMU closed the connection."""


class Memory:
    """The guest's RAM, mapped; addresses are the guest's."""

    def __init__(self, payload, fds):
        count, = struct.unpack_from('<I', payload)
        self.regions = []
        for i in range(count):
            guest, size, user, offset = struct.unpack_from('<QQQQ', payload, 8 + 32 * i)
            self.regions.append((guest, size, user, mmap.mmap(fds[i], size + offset), offset))
            os.close(fds[i])

    def find(self, address, user=False):
        for guest, size, of_user, view, offset in self.regions:
            base = of_user if user else guest
            if base <= address < base + size:
                return view, address - base + offset
        raise ValueError(f'{address:#x} is no memory of the guest')

    def guest_address(self, user_address):
        for guest, size, user, _, _ in self.regions:
            if user <= user_address < user + size:
                return guest + user_address - user
        raise ValueError(f'{user_address:#x} is no memory of the guest')

    def read(self, address, size):
        view, at = self.find(address)
        return view[at:at + size]

    def write(self, address, data):
        view, at = self.find(address)
        view[at:at + len(data)] = data

    def read16(self, address):
        return struct.unpack('<H', self.read(address, 2))[0]

    def write16(self, address, value):
        self.write(address, struct.pack('<H', value & 0xffff))


class Chain:
    """A buffer of the driver's."""

    def __init__(self, memory, head, pieces):
        self.memory, self.head, self.pieces = memory, head, pieces

    def readable(self):
        return b''.join(self.memory.read(address, size)
                        for address, size, writable in self.pieces if not writable)

    def room(self):
        return sum(size for _, size, writable in self.pieces if writable)

    def fill(self, data):
        """Writes into the writable part; the bytes written."""
        done = 0
        for address, size, writable in self.pieces:
            if writable and done < len(data):
                part = data[done:done + size]
                self.memory.write(address, part)
                done += len(part)
        return done


class Queue:
    def __init__(self, index):
        self.index, self.size, self.enabled = index, 0, False
        self.desc = self.avail = self.used = 0
        self.seen = self.used_index = 0
        self.kick = self.call = None

    def available(self, memory):
        return self.enabled and memory.read16(self.avail + 2) != self.seen

    def pop(self, memory):
        """The next buffer, or None."""
        if not self.available(memory):
            return None
        head = memory.read16(self.avail + 4 + 2 * (self.seen % self.size))
        self.seen = (self.seen + 1) & 0xffff
        pieces, at = [], head
        for _ in range(self.size):
            address, size, flags, following = struct.unpack(
                '<QIHH', memory.read(self.desc + 16 * at, 16))
            pieces.append((address, size, bool(flags & DESC_WRITE)))
            if not flags & DESC_NEXT:
                break
            at = following
        return Chain(memory, head, pieces)

    def push(self, memory, head, written):
        slot = self.used + 4 + 8 * (self.used_index % self.size)
        memory.write(slot, struct.pack('<II', head & 0xffffffff, written & 0xffffffff))
        self.used_index = (self.used_index + 1) & 0xffff
        memory.write16(self.used + 2, self.used_index)

    def interrupt(self, memory, always=False):
        if self.call is not None and (
                always or not memory.read16(self.avail) & AVAIL_NO_INTERRUPT):
            os.eventfd_write(self.call, 1)


class Device(threading.Thread):
    """One back end, on one end of a socket pair: `fd` is QEMU's, for
    `-chardev socket,id=X,fd=N`."""
    features = VERSION_1 | PROTOCOL_FEATURES
    protocol_features = PROTOCOL_MQ | PROTOCOL_REPLY_ACK | PROTOCOL_CONFIG
    queue_count = 2
    config = b''

    def __init__(self, path):
        super().__init__(daemon=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.queues = [Queue(i) for i in range(self.queue_count)]
        self.memory = None
        self.accepted = 0
        self.wake_read, self.wake_write = os.pipe()
        self.calls = []  # to be run in the device's thread
        self.failure = None

    # For subclasses.

    def handle(self, queue):
        """The driver kicked."""
        raise NotImplementedError

    def idle(self):
        """Nothing happened for a tenth of a second."""

    # From the test's thread.

    def run_soon(self, function):
        self.calls.append(function)
        os.write(self.wake_write, b'x')

    def stop(self):
        self.run_soon(None)
        self.join(5)

    # The protocol.

    def reply(self, request, payload):
        self.socket.sendall(struct.pack('<III', request, 5, len(payload)) + payload)

    def receive(self):
        data, fds, _, _ = socket.recv_fds(self.socket, 12, 16)
        while len(data) < 12:
            more = self.socket.recv(12 - len(data)) if data else b''
            if not more:
                raise Gone()
            data += more
        request, flags, size = struct.unpack('<III', data)
        payload = b''
        while len(payload) < size:
            more, others, _, _ = socket.recv_fds(self.socket, size - len(payload), 16)
            if not more:
                raise Gone()
            payload += more
            fds += others
        answered = self.request(request, payload, fds)
        if flags & NEED_REPLY and not answered:
            self.reply(request, struct.pack('<Q', 0))

    def request(self, request, payload, fds):
        """True: an answer was sent."""
        if request == GET_FEATURES:
            self.reply(request, struct.pack('<Q', self.features))
        elif request == GET_PROTOCOL_FEATURES:
            self.reply(request, struct.pack('<Q', self.protocol_features))
        elif request == GET_QUEUE_NUM:
            self.reply(request, struct.pack('<Q', self.queue_count))
        elif request == GET_CONFIG:
            offset, size, flags = struct.unpack_from('<III', payload)
            content = self.config[offset:offset + size].ljust(size, b'\0')
            self.reply(request, struct.pack('<III', offset, size, flags) + content)
        elif request == GET_VRING_BASE:
            index, = struct.unpack_from('<I', payload)
            queue = self.queues[index]
            queue.enabled = False
            self.reply(request, struct.pack('<II', index, queue.seen))
        else:
            self.set(request, payload, fds)
            return False
        return True

    def set(self, request, payload, fds):
        if request == SET_FEATURES:
            self.accepted, = struct.unpack('<Q', payload)
        elif request == SET_MEM_TABLE:
            self.memory = Memory(payload, fds)
        elif request in (SET_VRING_KICK, SET_VRING_CALL):
            index = struct.unpack('<Q', payload)[0] & 0xff
            setattr(self.queues[index], 'kick' if request == SET_VRING_KICK else 'call',
                    fds[0] if fds else None)
        elif request in (SET_VRING_NUM, SET_VRING_BASE, SET_VRING_ENABLE):
            index, value = struct.unpack('<II', payload)
            if index < self.queue_count:
                queue = self.queues[index]
                if request == SET_VRING_NUM:
                    queue.size = value
                elif request == SET_VRING_BASE:
                    queue.seen = queue.used_index = value
                else:
                    queue.enabled = bool(value)
                    self.handle(queue)
        elif request == SET_VRING_ADDR:
            index, _, desc, used, avail, _ = struct.unpack('<IIQQQQ', payload)
            queue = self.queues[index]
            queue.desc, queue.used, queue.avail = (
                self.memory.guest_address(a) for a in (desc, used, avail))

    def run(self):
        try:
            self.socket, _ = self.listener.accept()
            while self.turn():
                pass
        except (Gone, OSError):
            pass
        except Exception as failure:  # the test asks for it
            self.failure = failure
            raise

    def turn(self):
        """Waits for one thing to happen; False: the end."""
        kicks = {queue.kick: queue for queue in self.queues if queue.kick is not None}
        ready, _, _ = select.select([self.socket, self.wake_read, *kicks], [], [], 0.1)
        if not ready:
            self.idle()
        for fd in ready:
            if fd is self.socket:
                self.receive()
            elif fd == self.wake_read:
                os.read(fd, 64)
                while self.calls:
                    call = self.calls.pop(0)
                    if call is None:
                        return False
                    call()
            elif kicks[fd].kick == fd:
                os.eventfd_read(fd)
                self.handle(kicks[fd])
        return True


def arguments(device, path, memory='128M'):
    """QEMU's, for a guest whose RAM the back end can see."""
    return ['-object', f'memory-backend-memfd,id=ram,size={memory},share=on',
            '-numa', 'node,memdev=ram', '-chardev', f'socket,id=backend,path={path}',
            '-device', device.replace(',', ',chardev=backend,', 1) if ',' in device
            else f'{device},chardev=backend']
