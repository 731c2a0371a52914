# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""The device's side of split and packed virtqueues (VIRTIO 1.3 §2.7, §2.8), for the back ends of
vhost_user.py. No event index, no indirect tables. What a test pushes is what the driver sees,
also where no device would."""
import mmap
import os
import struct

DESC_NEXT, DESC_WRITE = 1, 2
DESC_AVAIL, DESC_USED = 1 << 7, 1 << 15
NO_INTERRUPT = 1  # of the available ring's flags, and of the packed ring's driver event


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
        self.length = len(pieces)

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
    """What both layouts have. `memory` is the device's."""

    def __init__(self, device, index):
        self.device, self.index, self.size = device, index, 0
        self.enabled = self.started = False
        self.desc = self.avail = self.used = 0
        self.kick = self.call = None

    @property
    def memory(self):
        return self.device.memory

    @property
    def running(self):
        return self.enabled and self.started

    def hear_at(self, fd):
        """Where the driver kicks from now on; None: nowhere."""
        if self.kick is not None:
            os.close(self.kick)
        self.kick = fd

    def call_at(self, fd):
        if self.call is not None:
            os.close(self.call)
        self.call = fd

    def push(self, chain, written):
        """The driver's buffer back."""
        self.use(chain.head, written, chain.length)

    def interrupt(self, always=False):
        if self.call is not None and (always or self.wanted()):
            os.eventfd_write(self.call, 1)


class SplitQueue(Queue):
    def __init__(self, device, index):
        super().__init__(device, index)
        self.seen = self.used_index = 0

    def set_base(self, value):
        self.seen = self.used_index = value & 0xffff

    def base(self):
        return self.seen

    def available(self):
        return self.running and self.memory.read16(self.avail + 2) != self.seen

    def walk(self, at):
        """The descriptors of a chain: each one's number, address, size, flags."""
        for _ in range(self.size):
            address, size, flags, following = struct.unpack(
                '<QIHH', self.memory.read(self.desc + 16 * at, 16))
            yield at, address, size, flags
            if not flags & DESC_NEXT:
                break
            at = following

    def head(self, index):
        return self.memory.read16(self.avail + 4 + 2 * (index % self.size))

    def pop(self):
        """The next buffer, or None."""
        if not self.available():
            return None
        head = self.head(self.seen)
        self.seen = (self.seen + 1) & 0xffff
        return Chain(self.memory, head, [(address, size, bool(flags & DESC_WRITE))
                                         for _, address, size, flags in self.walk(head)])

    def use(self, head, written, _=1):
        """A used element of any content."""
        slot = self.used + 4 + 8 * (self.used_index % self.size)
        self.memory.write(slot, struct.pack('<II', head & 0xffffffff, written & 0xffffffff))
        self.used_index = (self.used_index + 1) & 0xffff
        self.memory.write16(self.used + 2, self.used_index)

    def jump(self):
        """More used than there is."""
        self.used_index = (self.used_index + 40000) & 0xffff
        self.memory.write16(self.used + 2, self.used_index)

    def scribble(self):
        """Over all that the device must only read, save what it has yet to understand itself."""
        waiting = (self.memory.read16(self.avail + 2) - self.seen) & 0xffff
        heads = [self.head(self.seen + i) for i in range(waiting)]
        kept = {at for head in heads for at, *_ in self.walk(head)}
        for i in range(self.size):
            if i not in kept:
                self.memory.write(self.desc + 16 * i, os.urandom(16))
            if (i - self.seen) % self.size >= waiting:
                self.memory.write(self.avail + 4 + 2 * i, os.urandom(2))

    def wanted(self):
        return not self.memory.read16(self.avail) & NO_INTERRUPT


class PackedQueue(Queue):
    def __init__(self, device, index):
        super().__init__(device, index)
        self.next, self.next_wrap = 0, True  # to be looked for
        self.done, self.done_wrap = 0, True  # to be written as used

    def set_base(self, value):
        self.next, self.next_wrap = value & 0x7fff, bool(value >> 15 & 1)
        self.done, self.done_wrap = value >> 16 & 0x7fff, bool(value >> 31 & 1)

    def base(self):
        return (self.next | self.next_wrap << 15 | self.done << 16 | self.done_wrap << 31)

    def available(self):
        flags = self.memory.read16(self.desc + 16 * self.next + 14) if self.running else 0
        return self.running and bool(flags & DESC_AVAIL) == self.next_wrap != bool(
            flags & DESC_USED)

    def pop(self):
        if not self.available():
            return None
        pieces = []
        for _ in range(self.size):
            address, size, head, flags = struct.unpack(
                '<QIHH', self.memory.read(self.desc + 16 * self.next, 16))
            pieces.append((address, size, bool(flags & DESC_WRITE)))
            self.next += 1
            if self.next == self.size:
                self.next, self.next_wrap = 0, not self.next_wrap
            if not flags & DESC_NEXT:
                break
        return Chain(self.memory, head, pieces)

    def use(self, head, written, slots=1):
        slot = self.desc + 16 * self.done
        flags = (DESC_AVAIL | DESC_USED) * self.done_wrap | DESC_WRITE * bool(written)
        self.memory.write(slot + 8, struct.pack('<IH', written & 0xffffffff, head & 0xffff))
        self.memory.write16(slot + 14, flags)
        self.done += slots
        if self.done >= self.size:
            self.done, self.done_wrap = self.done - self.size, not self.done_wrap

    def jump(self):
        for _ in range(self.size // 2):
            self.use(0xfff0, 1)

    def scribble(self):
        """Addresses and lengths alone: by the others the device says what it used."""
        for slot in range(self.size):
            flags = self.memory.read16(self.desc + 16 * slot + 14)
            if bool(flags & DESC_AVAIL) == bool(flags & DESC_USED):
                self.memory.write(self.desc + 16 * slot, os.urandom(12))

    def wanted(self):
        return self.memory.read16(self.avail + 2) != NO_INTERRUPT
