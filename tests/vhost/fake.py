# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""A vhost-user back end (a disk) that knows the protocol and does not serve: what it
answers, a test may spoil."""
import array
import mmap
import os
import select
import socket
import struct
import threading

import backends

GET_FEATURES, SET_FEATURES, SET_OWNER, SET_MEM_TABLE = 1, 2, 3, 5
SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE = 8, 9, 10, 11
SET_VRING_KICK, SET_VRING_CALL = 12, 13
GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, GET_QUEUE_NUM = 15, 16, 17
SET_VRING_ENABLE, SET_BACKEND_REQ_FD, GET_CONFIG = 18, 21, 24
SET_STATUS, GET_STATUS = 39, 40

VERSION, REPLY, NEED_REPLY = 1, 4, 8
MQ, REPLY_ACK, BACKEND_REQ, CONFIG, STATUS = (1 << bit for bit in (0, 3, 5, 9, 16))
CONFIG_CHANGE = 2
RAM_BASE = 0x200000000000


def message(request, payload, flags=VERSION | REPLY, size=None):
    return struct.pack('<III', request, flags, len(payload) if size is None else size) + payload


def u64(value):
    return struct.pack('<Q', value)


class Fake:
    """spoil(request, payload, answer) gives the bytes to send instead of an answer (b'' if
    none was due), or None to close the connection."""

    def __init__(self, folder, spoil=None, sectors=8192,
                 protocol=MQ | REPLY_ACK | BACKEND_REQ | CONFIG):
        self.socket = f'{folder}/fake.sock'
        self.spoil = spoil
        self.protocol, self.agreed = protocol, 0
        self.capacity = sectors
        self.seen = []
        self.fds = {}
        self.vring = {}
        self.kicked = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.socket)
        self.listener.listen()
        self.link = None
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        self.link, _ = self.listener.accept()
        try:
            self.answer_all()
        except ConnectionError:  # the other side had enough
            pass
        self.link.close()

    def answer_all(self):
        while True:
            data, ancillary, _, _ = self.link.recvmsg(12, socket.CMSG_SPACE(32))
            if len(data) < 12:
                break
            fds = array.array('i')
            for _, _, body in ancillary:
                fds.frombytes(body[:len(body) // 4 * 4])
            request, flags, size = struct.unpack('<III', data)
            payload = self.link.recv(size, socket.MSG_WAITALL) if size else b''
            self.seen.append(request)
            answer = self.answer(request, payload, fds)
            if answer is None and flags & NEED_REPLY:
                answer = message(request, u64(0))
            answer = answer or b''
            if self.spoil:
                answer = self.spoil(request, payload, answer)
                if answer is None:
                    break
            if answer:
                self.link.sendall(answer)

    def answer(self, request, payload, fds):
        """The reply of a request that always has one."""
        for fd in fds:
            self.fds.setdefault(request, []).append(fd)
        if request == GET_FEATURES:
            return message(request, u64(1 << 32 | 1 << 30))
        if request == GET_PROTOCOL_FEATURES:
            return message(request, u64(self.protocol))
        if request == GET_QUEUE_NUM:
            return message(request, u64(1))
        if request == GET_STATUS:
            return message(request, u64(0x0f))
        if request == GET_VRING_BASE:
            return message(request, payload)
        if request == GET_CONFIG:
            size = struct.unpack('<I', payload[4:8])[0]
            config = (u64(self.capacity) + bytes(248))[:size]
            return message(request, payload[:12] + config)
        if request == SET_VRING_ADDR:
            self.vring = struct.unpack('<IIQQQQ', payload)
        return None

    def memory(self):
        """RAM, which is the first region; mapped at RAM_BASE."""
        fd = self.fds[SET_MEM_TABLE][0]
        return mmap.mmap(fd, os.fstat(fd).st_size)

    def used(self):
        """Where the used ring is in RAM."""
        return self.vring[3] - RAM_BASE

    def wait_for_kick(self, seconds):
        backends.wait_until(lambda: SET_VRING_ENABLE in self.seen, 'the ring is set up')
        kick = self.fds[SET_VRING_KICK][-1]
        readable, _, _ = select.select([kick], [], [], seconds)
        return bool(readable) and bool(os.read(kick, 8))

    def serve_one(self, head):
        """The request of that head is done, and well."""
        memory = self.memory()
        flags, descriptor = 1, head
        while flags & 1:  # to the end of the chain, which is the status byte
            at = self.vring[2] - RAM_BASE + 16 * descriptor
            address, _, flags, descriptor = struct.unpack('<QIHH', memory[at:at + 16])
        memory[address:address + 1] = b'\0'
        used = self.used()
        index = struct.unpack('<H', memory[used + 2:used + 4])[0]
        element = used + 4 + index % 256 * 8
        memory[element:element + 8] = struct.pack('<II', head, 1)
        memory[used + 2:used + 4] = struct.pack('<H', index + 1)
        self.call()

    def call(self):
        os.write(self.fds[SET_VRING_CALL][-1], u64(1))

    def change_config(self, sectors, flags=VERSION):
        self.capacity = sectors
        with socket.socket(fileno=os.dup(self.fds[SET_BACKEND_REQ_FD][-1])) as back:
            back.sendall(message(CONFIG_CHANGE, b'', flags))
            if flags & NEED_REPLY:
                return back.recv(20, socket.MSG_WAITALL)
        return b''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.link:
            try:
                self.link.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.listener.close()
        for fds in self.fds.values():
            for fd in fds:
                os.close(fd)
