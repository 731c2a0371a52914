# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""Devices that lie now and then, behind QEMU's vhost-user devices, and the guest that has one of
them beside an honest disk (tests/guest/liars).

A device of a hostile_….py is a Liar: it says what it answers to a buffer; a Lie takes the place
of that answer as often as the test said. What follows from it in the guest is the same for all
of them: nobody else notices."""
import collections
import os
import random
import re
import struct
import tempfile
import time

import disks
import qemu
import vhost_user

# What a broken device's callers may see: nothing, where the driver asks again; else errors.
EIO, ENODEV, EAGAIN = -5, -19, -11
EVER = 1 << 30
GIVEN_UP = 9    # a device that breaks so often within a minute is left alone
BREAKS_MAX = 6  # of one guest that is used again

# how(queue, chain, answer): False if it left the buffer alone; breaks: whether the device must be
# found out and reset, None if it may; results: what the use of the device may come to, None for
# what its kind says.
Lie = collections.namedtuple('Lie', 'how breaks results', defaults=[True, None])


def answered(spoil, breaks=False, results=None):
    """A lie within the answer: `spoil` makes another of it, or None if it has nothing to say to
    that one."""
    def how(queue, chain, answer):
        other = spoil(chain, answer)
        if other is not None:
            queue.push(chain, chain.fill(other))
        return other is not None
    return Lie(how, breaks, results)


class Liar(vhost_user.Device):
    kind = ''           # what the guest's command calls it
    name_in_guest = ''
    rings = 'split', 'packed'
    lies_in = 0         # the queue that the lies are of, unless told otherwise
    broken = {0}        # what a use may come to when the device was reset meanwhile
    overrides = {}      # of the ring's lies, by queue: other outcomes; None: it is none there
    cmdline = ''

    def __init__(self, path, packed=False, **more):
        super().__init__(path, packed=packed, **more)
        self.lie, self.lie_queue, self.left, self.lied, self.held = None, 0, 0, 0, []
        self.scribbled = False

    @classmethod
    def arguments(cls, path, options):
        """QEMU's, without the disk."""
        return vhost_user.arguments(f'vhost-user-{cls.kind}-pci{options}', path)

    def answer(self, queue, chain):
        """What is written into a buffer; None: it is kept."""
        raise NotImplementedError

    def pop_all(self, queue):
        """What the driver has added."""
        chains = []
        while chain := queue.pop():
            chains.append(chain)
        return chains

    def is_of_use(self, queue, chain):
        """Whether somebody waits for it who will say what came of it."""
        return True

    def handle(self, queue):
        try:
            answers = [(chain, self.answer(queue, chain)) for chain in self.pop_all(queue)]
        except (ValueError, struct.error):
            if not self.scribbled:  # over what the driver was about to add
                raise
            return
        for chain, answer in answers:
            if answer is not None:
                self.settle(queue, chain, answer)
        if answers:
            queue.interrupt()

    def settle(self, queue, chain, answer):
        if (self.left and queue.index == self.lie_queue and self.is_of_use(queue, chain) and
                self.lie(queue, chain, answer) is not False):
            self.left -= 1
            self.lied += 1
        else:
            super().settle(queue, chain, answer)

    # From the test's thread.

    def tell(self, lie, times=1, queue=None):
        def begin():
            self.lie_queue = self.lies_in if queue is None else queue
            self.lie, self.lied, self.left = lie, 0, times
        self.run_soon(begin)

    def prompt(self):
        """The device is about to be used: an occasion, where there is no other."""

    def release(self):
        """What was held back is answered, late."""
        def late():
            for queue, chain, answer in self.held:
                queue.push(chain, chain.fill(answer))
                queue.interrupt()
            self.held.clear()
        self.run_soon(late)


# Lies in the ring.

def element(head, written=1):
    return lambda queue, chain, answer: queue.use(head, written)


def id_again(queue, chain, answer):
    for _ in range(2):
        queue.push(chain, chain.fill(answer))


def id_of_another(queue, chain, answer):
    """Not in flight where there is but one; else somebody else's, to whom nothing was written."""
    queue.use((chain.head + 1) % queue.size, chain.room(), chain.length)


def jump(queue, chain, answer):
    queue.jump()


def goes_back(queue, chain, answer):
    queue.used_index -= 20
    queue.push(chain, chain.fill(answer))

def unwritten(queue, chain, answer):
    queue.push(chain, 0)


def huge_length(queue, chain, answer):
    chain.fill(answer)
    queue.push(chain, 0xffffffff)


def longer(queue, chain, answer):
    """By a byte than the buffer."""
    chain.fill(answer)
    queue.push(chain, chain.room() + 1)


def scribble(queue, chain, answer):
    written = chain.fill(answer)
    queue.device.scribbled = True
    queue.scribble()
    queue.push(chain, written)


def storm(queue, chain, answer):
    queue.push(chain, chain.fill(answer))
    for _ in range(2000):
        queue.interrupt(always=True)


def hold(queue, chain, answer):
    queue.device.held.append((queue, chain, answer))


LIES = {
    'id beyond the queue': Lie(element(5000)),
    'id of all ones': Lie(element(0xffffffff)),
    'id again': Lie(id_again),
    'id of another': Lie(id_of_another),
    'index jumps': Lie(jump),
    'unwritten': Lie(unwritten, False),
    'huge length': Lie(huge_length, False),
    'a length of one more': Lie(longer, False),
    'scribble': Lie(scribble, False),
    'storm': Lie(storm, False),
}
RING_LIES = {  # in a packed ring the driver does not look back: that is silence
    'split': {**LIES, 'index goes back': Lie(goes_back)},
    'packed': LIES,
}


def differently(name, breaks, results):
    """A lie in the ring that is another thing to some device."""
    return RING_LIES['split'][name]._replace(breaks=breaks, results=results)


def any_of(lies, seed):
    """Any of them, or none."""
    chance = random.Random(seed)

    def how(queue, chain, answer):
        return chance.random() < 0.5 and chance.choice(lies).how(queue, chain, answer)
    return how


class Guest:
    """A machine with a lying device and an honest disk."""

    def __init__(self, device_class, image, ring, options='', **more):
        self.tmp = tempfile.TemporaryDirectory(prefix='ferrule-liar-')
        path = os.path.join(self.tmp.name, 'backend')
        self.device = device_class(path, packed=ring == 'packed', **more)
        self.kind, self.used, self.breaks, self.number = device_class.kind, False, 0, 0
        honest = disks.Disk(self.tmp.name, 0, '1M')
        options += ',packed=on' if ring == 'packed' else ''
        disk = 'vdb' if self.kind == 'blk' else 'vda'
        self.device.start()
        self.machine = qemu.Machine(
            image('guest/liars'),
            cmdline=f'log=info root=none share_timeout=1 {device_class.cmdline} -- {disk}',
            devices=[*self.device.arguments(path, options + ',addr=0x4'), *honest.arguments,
                     '-device', 'virtio-blk-pci,drive=disk0,addr=0x5'])
        self.machine.wait('^reading')
        self.machine.wait('Type "help"')

    def close(self):
        self.machine.close()
        self.device.stop()
        self.tmp.cleanup()

    def ask(self, command, pattern):
        """An answer of the shell's; once more if a line of the log came in between."""
        for last in False, False, True:
            self.machine.send(command + '\r', stream='serial')
            try:
                return self.machine.wait(pattern, timeout=None if last else 3)
            except qemu.QemuError:
                if last:
                    raise
        return None

    def begin(self):
        self.device.prompt()
        self.number += 1
        self.machine.send(f'try {self.kind} {self.number}\r', stream='serial')

    def end(self, timeout=None):
        """What a use of the device comes to: 0, an error, or 'wrong'."""
        result = self.machine.wait(rf'{self.kind} {self.number}: (-?\w+)\n', timeout=timeout)[1]
        return 'wrong' if result == b'wrong' else int(result)

    def use(self, timeout=None):
        self.begin()
        return self.end(timeout)

    def until(self, wanted):
        """A use comes to that, before long."""
        end = time.monotonic() + 20 * qemu.PATIENCE
        while (result := self.use()) != wanted:
            assert time.monotonic() < end, f'still {result}'

    def works(self):
        self.until(0)

    def faults(self):
        """Rules that the device broke, and how often it came back."""
        found = self.ask('faults', rf'{self.device.name_in_guest} faults (\d+) back (\d+) '
                         r'broken [01]\n')
        return int(found[1]), int(found[2])

    def is_given_up(self):
        """Its users get errors, before long and from then on at once."""
        end = time.monotonic() + 40 * qemu.PATIENCE
        while self.faults()[0] < GIVEN_UP:
            assert self.use() != 'wrong'
            assert time.monotonic() < end, 'it is tried for ever'
        assert self.use() not in (0, 'wrong')

    def others_run_on(self):
        """The shell answers, and the other disk is read."""
        before = int(self.ask('honest', r'^honest: (\d+)\n')[1])
        end = time.monotonic() + 20 * qemu.PATIENCE
        while int(self.ask('honest', r'^honest: (\d+)\n')[1]) <= before:
            assert time.monotonic() < end, 'the honest disk is not read any more'
        assert not re.search('(?i)panic|honest disk failed', self.machine.text())
        assert self.device.failure is None

    def ends(self):
        """In good order."""
        self.machine.send('poweroff\r', stream='serial')
        assert self.machine.exit_code() == 0

    def hears(self, lie, queue=None):
        """One lie, from one working use of the device to the next."""
        device = self.device
        allowed = lie.results or ({0} if lie.breaks is False else device.broken)
        self.works()
        faults = self.faults()[0]
        device.tell(lie.how, queue=queue)
        result = self.use()
        end = time.monotonic() + 20 * qemu.PATIENCE
        while not device.lied:
            assert time.monotonic() < end, 'there was no occasion for the lie'
            assert result == 0
            result = self.use()
        assert result in allowed, result
        self.works()
        while lie.breaks and self.faults()[0] == faults and time.monotonic() < end:
            pass
        found = self.faults()[0] - faults
        self.breaks += found
        assert lie.breaks in (None, bool(found)), f'{found} rules broken'
        self.others_run_on()
        # What was not found out may be found out by the next use.
        self.used = lie.breaks is None


class Pool:
    """The last guest is used again, if nothing went wrong and it is the same."""

    def __init__(self):
        self.key, self.guest = None, None

    def get(self, device_class, image, ring, fresh=False, **more):
        key = device_class, ring, tuple(more.items())
        if (self.key != key or fresh or self.guest.used or
                self.guest.breaks >= BREAKS_MAX):
            self.close()
            self.guest, self.key = Guest(device_class, image, ring, **more), key
        else:
            qemu.noted(self.guest.machine.command)
        self.guest.used = True  # until the test says that all is well
        return self.guest

    def close(self):
        if self.guest:
            self.guest.close()
        self.key = self.guest = None
