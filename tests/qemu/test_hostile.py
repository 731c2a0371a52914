# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""Devices that lie, as processes of their own behind QEMU's vhost-user devices: in a booted guest
such a device breaks, its callers get errors at most, it comes back, and everything else runs
on. No panic, no hang."""
import pytest

import hostile_disks
import hostile_net
import liar

RINGS = ('split', 'packed')
# The device, the queue, and what it can lie about besides the ring.
LIARS = {
    'blk': (hostile_disks.Blk, 0, hostile_disks.BLK_LIES),
    'net-rx': (hostile_net.Net, hostile_net.RX, hostile_net.RX_LIES),
    'net-tx': (hostile_net.Net, hostile_net.TX, {}),
    'rng': (hostile_disks.Rng, 0, hostile_disks.RNG_LIES),
}


def rows():
    for ring in RINGS:
        for name, (device, queue, lies) in LIARS.items():
            for what, lie in {**liar.RING_LIES[ring], **lies}.items():
                yield pytest.param(name, ring, device, queue, what, lie,
                                   id=f'{name}-{ring}-{what}'.replace(' ', '-'))


@pytest.fixture(scope='module')
def pool():
    guests = liar.Pool()
    yield guests
    guests.close()


BOTH = pytest.mark.parametrize('ring', RINGS)
EACH = pytest.mark.parametrize('name', LIARS)


@pytest.mark.parametrize('name, ring, device, queue, what, lie', list(rows()))
def test_lie(name, ring, device, queue, what, lie, pool, image):
    """What lies costs its own users at most, while it lies: in the ring [VQ-16] [VQ-17] [VQ-18]
    [VQ-19] [VQ-20] [VQ-21] [PQ-17] [PQ-18], and in what it says to a disk [BLK-16] [BLK-17] or to
    the generator [RNG-01] [RNG-02]."""
    if (queue, what) in device.overrides:
        breaks, results = device.overrides[queue, what]
        lie = lie._replace(breaks=breaks, results=results)
    guest = pool.get(device, image, ring)
    guest.hears(lie, queue)


@EACH
def test_lies_for_ever(name, pool, image):
    """It is left alone after some attempts, and its callers get errors [INI-11] [VQ-21]."""
    device, queue, _ = LIARS[name]
    guest = pool.get(device, image, 'split', fresh=True)
    guest.works()
    guest.device.tell(liar.LIES['id beyond the queue'].how, liar.EVER, queue)
    guest.is_given_up()
    guest.others_run_on()
    guest.ends()


@BOTH
@EACH
def test_random_lies(name, ring, pool, image):
    """A while of any of them, in any order [VQ-21]."""
    device, queue, lies = LIARS[name]
    guest = pool.get(device, image, ring, fresh=True)
    guest.works()
    all_lies = [*liar.RING_LIES[ring].values(), *lies.values()]
    guest.device.tell(liar.any_of(all_lies, f'{name}{ring}'), liar.EVER, queue)
    for _ in range(40):
        guest.begin()
        guest.machine.run_for(0.05)  # a device that has fallen silent is waited for by its users
    assert guest.device.lied
    guest.others_run_on()
    guest.ends()


@BOTH
@EACH
def test_silence(name, ring, pool, image):
    """No answer: whoever asked waits, nobody else does; late answers are as good as any."""
    device, queue, _ = LIARS[name]
    guest = pool.get(device, image, ring)
    guest.works()
    guest.device.tell(liar.hold, liar.EVER, queue)
    guest.begin()
    guest.machine.run_for(0.3)
    guest.others_run_on()
    guest.device.tell(None, 0)
    guest.device.release()
    guest.works()
    guest.used = False


@BOTH
@EACH
def test_hangs_up(name, ring, pool, image):
    """The process is gone in the middle of it."""
    device, queue, _ = LIARS[name]
    guest = pool.get(device, image, ring, fresh=True)
    guest.works()
    guest.device.tell(liar.hold, liar.EVER, queue)
    guest.begin()
    guest.machine.run_for(0.1)
    guest.device.hang_up()
    guest.machine.run_for(0.3)
    guest.others_run_on()
    guest.ends()
