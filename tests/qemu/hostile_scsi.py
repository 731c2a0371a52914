# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""A SCSI host adapter that may lie, with one disk (VIRTIO 1.3 §5.6)."""
import os
import struct

import vhost_user
from liar import EIO, ENODEV, Liar, Lie, answered, differently

CONTROL, EVENTS, REQUESTS = 0, 1, 2
HEAD = struct.Struct('<IIHBB')  # of an answer: sense length, residual, qualifier, status, response
ANSWER_BYTES = 108
GOOD, CHECK_CONDITION = 0, 2
BAD_TARGET = 3
ILLEGAL_REQUEST = 5
SECTORS = 2048
TEST_UNIT_READY, INQUIRY, MODE_SENSE, READ_CAPACITY, READ_10, READ_16, CAPACITY_16, REPORT_LUNS = (
    0x00, 0x12, 0x1a, 0x25, 0x28, 0x88, 0x9e, 0xa0)
READS = READ_10, READ_16
CDB = 19  # where it begins in a request
EVENT = struct.Struct('<I8sI')
MISSED, TRANSPORT_RESET, ASYNC_NOTIFY, PARAM_CHANGE = 1 << 31, 1, 2, 3
RESCAN, REMOVED = 1, 2
LUN = bytes((1, 0, 0x40, 0, 0, 0, 0, 0))


def result(data=b'', room=0, status=GOOD, response=0, sense=b'', residual=None, sense_len=None):
    if residual is None:
        residual = max(0, room - len(data))
    head = HEAD.pack(len(sense) if sense_len is None else sense_len, residual, 0, status, response)
    return (head + sense).ljust(ANSWER_BYTES, b'\0') + data


def sense(key, code=0, qualifier=0):
    return bytes((0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, qualifier, 0, 0, 0, 0))


class Scsi(Liar):
    kind, name_in_guest = 'scsi', 'scsi0'
    rings = 'split',  # QEMU 7.2 does not tell the back end of another
    protocol_features = Liar.protocol_features & ~vhost_user.PROTOCOL_CONFIG
    queue_count = 3
    overrides = {
        (REQUESTS, 'unwritten'): differently('unwritten', False, {EIO}),
        # The others are in flight too; nothing is no event.
        (EVENTS, 'id of another'): differently('id of another', False, {0}),
        (EVENTS, 'id again'): differently('id again', None, {0}),
    }

    @classmethod
    def arguments(cls, path, options):
        # QEMU 7.2 passes on what this back end does not have.
        return super().arguments(path, ',num_queues=1,queue_reset=off' + options)

    def __init__(self, path, **more):
        super().__init__(path, **more)
        self.events, self.capacity, self.report = [], SECTORS, bytes((0, 0, 0, 8)) + bytes(12)
        self.block_bytes, self.inquiry = 512, b'\0\0\6\2\x1f\0\0\2FERRULE LIAR            0001'

    def answer(self, queue, chain):
        if queue.index == CONTROL:
            return b'\0'
        if queue.index == EVENTS:
            self.events.append(chain)
            return None
        request, room = chain.readable(), chain.room() - ANSWER_BYTES
        if request[:2] != b'\1\0':
            return result(response=BAD_TARGET)
        data = self.carry_out(request[CDB:], room)
        if data is None:
            return result(status=CHECK_CONDITION, sense=sense(ILLEGAL_REQUEST, 0x20))
        return result(data[:room], room)

    def is_of_use(self, queue, chain):
        return queue.index != REQUESTS or chain.readable()[CDB] in READS

    def carry_out(self, cdb, room):
        if cdb[0] in READS:
            return b'\xa5' * room
        if cdb[0] == INQUIRY and not cdb[1] & 1:
            return self.inquiry
        if cdb[0] == REPORT_LUNS:
            return self.report
        if cdb[0] == CAPACITY_16:
            return struct.pack('>QI', (self.capacity - 1) & (1 << 64) - 1,
                               self.block_bytes).ljust(32, b'\0')
        return b'' if cdb[0] == TEST_UNIT_READY else None

    def set(self, request, payload, fds):
        super().set(request, payload, fds)
        if not self.queues[EVENTS].started:
            self.events.clear()

    def happens(self, event):
        """From the test's thread."""
        def send():
            if self.events:
                self.settle(self.queues[EVENTS], self.events.pop(0), event)
                self.queues[EVENTS].interrupt()
        self.run_soon(send)

    def says(self, **claims):
        """From the test's thread: other claims from now on; what they were."""
        before = {name: getattr(self, name) for name in claims}
        vars(self).update(claims)
        self.happens(EVENT.pack(TRANSPORT_RESET, LUN, RESCAN))
        return before

    def prompt(self):
        if self.left and self.lie_queue == EVENTS:
            self.happens(EVENT.pack(PARAM_CHANGE, LUN, 0))


def to(commands, spoil, results, breaks=False):
    """Another answer to such a command."""
    def other(chain, answer):
        return spoil(answer) if chain.readable()[CDB] in commands else None
    return answered(other, breaks, results)


def read(results, **fields):
    """The data, under another answer."""
    return to(READS, lambda answer: result(answer[ANSWER_BYTES:], **fields), results)


FAILS = {EIO}
SCSI_LIES = {
    'a residual of all': read({0, *FAILS}, residual=0xffffffff),
    'a response that is none': read(FAILS, response=0x77),
    'a status that is none': read(FAILS, status=0x77),
    'sense of 4 GiB': read(FAILS, status=CHECK_CONDITION, sense=sense(3), sense_len=0xffffffff),
    'no sense': read(FAILS, status=CHECK_CONDITION),
    'sense of a byte': read(FAILS, status=CHECK_CONDITION, sense=b'\x70'),
    'noise for sense': read({EIO, -95}, status=CHECK_CONDITION, sense=os.urandom(96)),
    'no such unit': read({ENODEV}, response=BAD_TARGET),
    'attention': read({0}, status=CHECK_CONDITION, sense=sense(6, 0x29)),
    'the capacity changed': read({0}, status=CHECK_CONDITION, sense=sense(6, 0x2a, 9)),
    'the units changed': read({0}, status=CHECK_CONDITION, sense=sense(6, 0x3f, 0x0e)),
    'busy': read({0}, status=8),
    'aborted': read({0}, response=2),
    'half an answer': to(READS, lambda answer: answer[:11], FAILS),
}


def event(content, length=None):
    def how(queue, chain, answer):
        chain.fill(content)
        queue.push(chain, len(content) if length is None else length)
    return Lie(how, False, {0})


EVENT_LIES = {
    'noise': event(os.urandom(16)),
    'half an event': event(EVENT.pack(PARAM_CHANGE, LUN, 0)[:7]),
    'missed ones': event(EVENT.pack(MISSED, bytes(8), 0)),
    'a unit that is not there': event(EVENT.pack(
        TRANSPORT_RESET, bytes((1, 200, 0x7f, 0xff)) + bytes(4), RESCAN)),
    'a unit that was not removed': event(EVENT.pack(TRANSPORT_RESET, LUN, REMOVED)),
    'all ones': event(b'\xff' * 16),
}
# What a unit may say when it is asked again: whether the disk is still usable.
CLAIMS = {
    'no blocks': dict(capacity=0),
    'blocks beyond any': dict(capacity=1 << 63),
    'blocks of nothing': dict(block_bytes=0),
    'blocks of three bytes': dict(block_bytes=3),
    'blocks of 2 GiB': dict(block_bytes=1 << 31),
    'a kind that is none': dict(inquiry=b'\x1f' + bytes(35)),
    'nothing of itself': dict(inquiry=b''),
    'units beyond the list': dict(report=b'\xff\xff\xff\xf8' + bytes(4)),
    'more units than any': dict(report=struct.pack('>I4x', 511 * 8) + b''.join(
        bytes((0x40 | i >> 8, i & 255)) + bytes(6) for i in range(511))),
    'noise for units': dict(report=os.urandom(4096)),
}
