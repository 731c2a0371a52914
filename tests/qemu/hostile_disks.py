# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""Disks and the generator's device, that may lie."""
import os
import struct

from liar import EAGAIN, EIO, Liar, Lie, answered

SECTORS = 2048
GET_ID = 8
PATTERN = b'\xa5'


class Blk(Liar):
    kind, name_in_guest = 'blk', 'block0'
    queue_count = 1
    config = struct.pack('<QIIHBBI', SECTORS, 0, 126, 0, 0, 0, 512).ljust(60, b'\0')
    overrides = {(0, 'unwritten'): (False, {EIO})}

    def answer(self, queue, chain):
        kind, = struct.unpack_from('<I', chain.readable())
        data = b'honest'.ljust(20, b'\0') if kind == GET_ID else PATTERN * (chain.room() - 1)
        return data + b'\0'

    @classmethod
    def arguments(cls, path, options):
        return super().arguments(path, ',num-queues=1' + options)


BLK_LIES = {
    'status unknown': answered(lambda _, answer: answer[:-1] + b'\x77', False, {EIO}),
    'status unwritten': answered(lambda _, answer: answer[:-1], False, {EIO}),
}


class Rng(Liar):
    kind, name_in_guest = 'rng', 'rng0'
    queue_count = 1
    broken = {0, EAGAIN}

    def answer(self, queue, chain):
        return os.urandom(chain.room())

    @classmethod
    def arguments(cls, path, options):
        # QEMU 7.2 passes on what this back end does not have.
        return super().arguments(path, ',indirect_desc=off,event_idx=off,queue_reset=off' + options)


RNG_LIES = {
    'a byte': answered(lambda _, answer: answer[:1]),
    'all the same': answered(lambda _, answer: bytes(len(answer))),
}
