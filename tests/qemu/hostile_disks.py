# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""Disks and the generator's device, that may lie."""
import os
import struct

from liar import EAGAIN, EIO, Liar, answered, differently

SECTORS = 2048
GET_ID = 8
SIZE_MAX, SEG_MAX, BLK_SIZE, TOPOLOGY, DISCARD, WRITE_ZEROES = (
    1 << bit for bit in (1, 2, 6, 10, 13, 14))
PATTERN = b'\xa5'


# VIRTIO 1.3 §5.2.4; the geometry is left out.
def config(capacity=SECTORS, size_max=0, seg_max=126, blk_size=512, topology=bytes(8), writeback=0,
           num_queues=1, rest=bytes(24)):
    return struct.pack('<QII4xI', capacity, size_max, seg_max, blk_size) + topology + struct.pack(
        '<BxH', writeback, num_queues) + rest


class Blk(Liar):
    kind, name_in_guest = 'blk', 'block0'
    queue_count = 1
    features = Liar.features | SIZE_MAX | SEG_MAX | BLK_SIZE | TOPOLOGY | DISCARD | WRITE_ZEROES
    config = config()
    overrides = {(0, 'unwritten'): differently('unwritten', False, {EIO})}

    def __init__(self, path, says=(), **more):
        super().__init__(path, **more)
        if says:
            self.config = config(**dict(says))

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


CONFIGS = {
    'all ones': dict(capacity=(1 << 64) - 1, size_max=0xffffffff, seg_max=0xffffffff,
                     blk_size=0xffffffff, topology=b'\xff' * 8, rest=b'\xff' * 24),
    'nothing': dict(capacity=0, seg_max=0, blk_size=0),
    'no segments': dict(seg_max=0),
    'segments of a byte': dict(size_max=1),
    'blocks of nothing': dict(blk_size=0),
    'blocks of three bytes': dict(blk_size=3),
    'blocks of 2 GiB': dict(blk_size=1 << 31),
    'blocks within blocks': dict(topology=b'\xff\xff\xff\xff' + bytes(4)),
    'ranges without end': dict(rest=b'\xff' * 24),
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
