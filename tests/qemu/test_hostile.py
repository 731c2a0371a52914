# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""A device that lies, as a process of its own behind QEMU's vhost-user-blk-pci: a booted
guest loses that disk's answers for a while, gets it back when the device is well again, and
everything else runs on. No panic, no hang."""
import os
import random
import struct

import pytest

import disks
import qemu
import vhost_user

SECTORS = 2048
READ, WRITE, FLUSH, GET_ID = 0, 1, 4, 8


class Blk(vhost_user.Device):
    """An honest disk of bytes 0xa5, until `lie` is set: called for each request instead of
    its completion, with the queue and the chain; true when it dealt with it."""
    queue_count = 1
    config = struct.pack('<QIIHBBI', SECTORS, 0, 126, 0, 0, 0, 512).ljust(60, b'\0')
    lie = None
    served = lied = 0

    def handle(self, queue):
        used = False
        while chain := queue.pop(self.memory):
            used = True
            if self.lie and self.lie(self, queue, chain):
                self.lied += 1
                continue
            self.served += 1
            kind, = struct.unpack_from('<I', chain.readable())
            data = b'honest'.ljust(20, b'\0') if kind == GET_ID else b'\xa5' * (chain.room() - 1)
            written = chain.fill(data + b'\0')
            queue.push(self.memory, chain.head, written)
        if used:
            queue.interrupt(self.memory)


def push(head, written):
    return lambda device, queue, chain: queue.push(device.memory, head, written) or True


def id_again(device, queue, chain):
    """The same buffer twice."""
    for _ in range(2):
        queue.push(device.memory, chain.head, chain.room())
    return True


def id_in_the_middle(_, queue, chain):
    """Not the head of a chain."""
    queue.push(_.memory, (chain.head + 1) % queue.size, chain.room())
    return True


def index_jumps(device, queue, chain):
    queue.used_index += 40000
    queue.push(device.memory, chain.head, chain.room())
    return True


def index_goes_back(device, queue, chain):
    queue.used_index -= 2
    queue.push(device.memory, chain.head, chain.room())
    return True


def unwritten(device, queue, chain):
    """Used, but nothing was written: no data, no status."""
    queue.push(device.memory, chain.head, 0)
    return True


def huge_length(device, queue, chain):
    chain.fill(b'\x5a' * (chain.room() - 1) + b'\0')
    queue.push(device.memory, chain.head, 0xffffffff)
    return True


def odd_status(device, queue, chain):
    chain.fill(b'\x5a' * (chain.room() - 1) + b'\x77')
    queue.push(device.memory, chain.head, chain.room())
    return True


def scribble(device, queue, chain):
    """All that the device must not write, is written: the driver does not read it back."""
    noise = os.urandom(16 * queue.size)
    device.memory.write(queue.desc, noise)
    device.memory.write(queue.avail + 4, os.urandom(2 * queue.size))
    written = chain.fill(b'\xa5' * (chain.room() - 1) + b'\0')
    queue.push(device.memory, chain.head, written)
    return True


def storm(device, queue, chain):
    """Interrupts for nothing."""
    for _ in range(2000):
        queue.interrupt(device.memory, always=True)
    return False


# name: the lie; whether the guest must see an error of it.
LIES = {
    'id beyond the queue': (push(5000, 1), True),
    'id of 32 bits': (push(0xffffffff, 1), True),
    'id again': (id_again, True),
    'id in the middle': (id_in_the_middle, True),
    'index jumps': (index_jumps, True),
    'index goes back': (index_goes_back, True),
    'unwritten': (unwritten, True),
    'huge length': (huge_length, False),
    'odd status': (odd_status, True),
    'scribble': (scribble, False),
    'storm': (storm, False),
}


def guest(image, tmp_path, device, rounds):
    honest = disks.Disk(tmp_path, 0, '1M')
    arguments = vhost_user.arguments('vhost-user-blk-pci,addr=0x4,num-queues=1',
                                     tmp_path / 'backend')
    arguments += [*honest.arguments, '-device', 'virtio-blk-pci,drive=disk0,addr=0x5']
    device.start()
    return qemu.Machine(image('guest/hostile'), cmdline=f'log=info -- {rounds}',
                        devices=arguments, timeout=60)


@pytest.mark.parametrize('name', LIES)
def test_lie(name, image, tmp_path):
    """What lies costs its own disk, for as long as it lies [VQ-16] [VQ-17] [VQ-18]
    [VQ-19] [VQ-20] [VQ-21] [BLK-16] [BLK-17]"""
    device = Blk(str(tmp_path / 'backend'))
    lie, must_fail = LIES[name]
    with guest(image, tmp_path, device, 1500) as machine:
        machine.wait('^liar: status 0, first byte a5')
        if must_fail:
            device.lie = lie
            machine.wait('^liar: status -5, ', timeout=30)
            device.lie = None
        else:
            device.lie = lie
            for _ in range(200):
                machine.run_for(0.01)
                if device.lied > 20 or device.served > 100:
                    break
            device.lie = None
        machine.wait('^honest: 1500 right')
        machine.wait('^both have ended')
        assert machine.exit_code() == 0
        last = [line for line in machine.text().splitlines() if line.startswith('liar')][-1]
        assert last.startswith('liar: status 0'), last
    device.stop()
    assert device.failure is None


def test_random_lies(image, tmp_path):
    """A while of any of them, in any order [VQ-21]."""
    chance = random.Random(1)
    lies = [lie for lie, _ in LIES.values()]

    def any_lie(device, queue, chain):
        if chance.random() < 0.5:
            return False
        return chance.choice(lies)(device, queue, chain)

    device = Blk(str(tmp_path / 'backend'))
    with guest(image, tmp_path, device, 3000) as machine:
        machine.wait('^liar: status 0')
        device.lie = any_lie
        machine.wait('^honest: 3000 right')
        device.lie = None
        machine.wait('^both have ended')
        assert machine.exit_code() == 0
    device.stop()
    assert device.failure is None and device.lied > 10
