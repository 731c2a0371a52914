# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""The back end of a vhost-user device: what QEMU's vhost-user-…-pci talk to, so that a test
can be the device behind a real guest, and lie in its rings if it wants to.

The rings are rings.py's. A device is a subclass with handle(queue); it runs in a thread of its
own."""
import os
import select
import socket
import struct
import threading

import rings

VERSION_1, PROTOCOL_FEATURES, RING_PACKED = 1 << 32, 1 << 30, 1 << 34
PROTOCOL_MQ, PROTOCOL_REPLY_ACK, PROTOCOL_BACKEND_FD, PROTOCOL_CONFIG = (
    1 << 0, 1 << 3, 1 << 5, 1 << 9)

# Requests (vhost-user protocol).
(GET_FEATURES, SET_FEATURES, SET_OWNER, SET_MEM_TABLE, SET_VRING_NUM, SET_VRING_ADDR,
 SET_VRING_BASE, GET_VRING_BASE, SET_VRING_KICK, SET_VRING_CALL, GET_PROTOCOL_FEATURES,
 SET_PROTOCOL_FEATURES, GET_QUEUE_NUM, SET_VRING_ENABLE, GET_CONFIG) = (
     1, 2, 3, 5, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 24)
SET_BACKEND_FD, CONFIG_CHANGED = 21, 2  # the latter is the back end's own
NEED_REPLY = 8


class Gone(Exception):
    """QEMU closed the connection."""


class Device(threading.Thread):
    """One back end; QEMU connects to its socket, at `path`."""
    features = VERSION_1 | PROTOCOL_FEATURES
    protocol_features = (PROTOCOL_MQ | PROTOCOL_REPLY_ACK | PROTOCOL_BACKEND_FD |
                         PROTOCOL_CONFIG)
    queue_count = 2
    config = b''

    def __init__(self, path, packed=False):
        super().__init__(daemon=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        layout = rings.PackedQueue if packed else rings.SplitQueue
        self.packed = packed
        self.features |= RING_PACKED * packed
        self.queues = [layout(self, i) for i in range(self.queue_count)]
        self.memory = self.socket = self.back = None
        self.accepted = 0
        self.wake_read, self.wake_write = os.pipe()
        self.calls = []  # to be run in the device's thread
        self.failure = None

    # For subclasses.

    def handle(self, queue):
        """The driver kicked."""
        raise NotImplementedError

    def settle(self, queue, chain, answer):
        """A buffer is done with: what is written into it."""
        queue.push(chain, chain.fill(answer))

    def idle(self):
        """Nothing happened for a tenth of a second."""

    # From the test's thread.

    def run_soon(self, function):
        self.calls.append(function)
        os.write(self.wake_write, b'x')

    def change_config(self, config):
        """Another configuration, and word of it."""
        self.config = config
        self.run_soon(lambda: self.back.sendall(struct.pack('<III', CONFIG_CHANGED, 1, 0)))

    def hang_up(self):
        self.run_soon(lambda: self.socket.shutdown(socket.SHUT_RDWR))

    def stop(self):
        self.run_soon(None)
        self.join(5)
        for queue in self.queues:
            queue.hear_at(None)
            queue.call_at(None)
        for end in self.listener, self.socket, self.back:
            if end:
                end.close()
        os.close(self.wake_read)
        os.close(self.wake_write)

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
            queue.started = False
            queue.hear_at(None)
            self.reply(request, struct.pack('<II', index, queue.base()))
        else:
            self.set(request, payload, fds)
            return False
        return True

    def set(self, request, payload, fds):
        if request == SET_FEATURES:
            self.accepted, = struct.unpack('<Q', payload)
        elif request == SET_MEM_TABLE:
            self.memory = rings.Memory(payload, fds)
        elif request == SET_BACKEND_FD:
            self.back = socket.socket(fileno=fds[0])
        elif request in (SET_VRING_KICK, SET_VRING_CALL):
            index = struct.unpack('<Q', payload)[0] & 0xff
            queue, fd = self.queues[index], fds[0] if fds else None
            if request == SET_VRING_CALL:
                queue.call_at(fd)
                if fd is not None:  # what was said to another is not heard
                    queue.interrupt(always=True)
            else:
                queue.hear_at(fd)
                queue.started = True
        elif request in (SET_VRING_NUM, SET_VRING_BASE, SET_VRING_ENABLE):
            index, value = struct.unpack('<II', payload)
            if index < self.queue_count:
                queue = self.queues[index]
                if request == SET_VRING_NUM:
                    queue.size = value
                elif request == SET_VRING_BASE:
                    queue.set_base(value)
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
