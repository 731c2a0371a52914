# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""Devices that lie, as processes of their own behind QEMU's vhost-user devices: in a booted guest
such a device breaks, its callers get errors at most, it comes back, and everything else runs
on. No panic, no hang."""
import errno

import pytest

import hostile_disks
import hostile_fs
import hostile_net
import hostile_scsi
import hostile_vsock
import liar
from liar import ENODEV

RINGS = ('split', 'packed')
# The device, the queue, and what it can lie about besides the ring.
LIARS = {
    'blk': (hostile_disks.Blk, 0, hostile_disks.BLK_LIES),
    'fs': (hostile_fs.Fs, hostile_fs.REQUESTS, hostile_fs.FS_LIES),
    'net-rx': (hostile_net.Net, hostile_net.RX, hostile_net.RX_LIES),
    'net-tx': (hostile_net.Net, hostile_net.TX, {}),
    'scsi': (hostile_scsi.Scsi, hostile_scsi.REQUESTS, hostile_scsi.SCSI_LIES),
    'scsi-events': (hostile_scsi.Scsi, hostile_scsi.EVENTS, hostile_scsi.EVENT_LIES),
    'vsock-rx': (hostile_vsock.Vsock, hostile_vsock.RX, {}),
    'vsock-tx': (hostile_vsock.Vsock, hostile_vsock.TX, {}),
    'rng': (hostile_disks.Rng, 0, hostile_disks.RNG_LIES),
}


BOTH = [(name, ring) for ring in RINGS for name in LIARS if ring in LIARS[name][0].rings]
EACH_RING = pytest.mark.parametrize('name, ring', BOTH)
# Once for each device, where the ring and the queue are all one.
EACH = pytest.mark.parametrize('name', ('blk', 'fs', 'net-rx', 'rng', 'scsi', 'vsock-rx'))


def rows():
    for name, ring in BOTH:
        device, queue, lies = LIARS[name]
        for what, lie in {**liar.RING_LIES[ring], **lies}.items():
            lie = device.overrides.get((queue, what), lie)
            if lie:
                yield pytest.param(ring, device, queue, lie,
                                   id=f'{name}-{ring}-{what}'.replace(' ', '-'))


@pytest.fixture(scope='module')
def pool():
    guests = liar.Pool()
    yield guests
    guests.close()


@pytest.mark.parametrize('ring, device, queue, lie', list(rows()))
def test_lie(ring, device, queue, lie, pool, image):
    """What lies costs its own users at most, while it lies: in the ring [VQ-16] [VQ-17] [VQ-18]
    [VQ-19] [VQ-20] [VQ-21] [PQ-17] [PQ-18], and in what it says to a disk [BLK-16] [BLK-17]
    [SCS-05] [SCS-07], the generator [RNG-01] [RNG-02], a share [FS-05] [FS-08], the network
    [NET-16] [NET-17] [NET-18] [NET-19] or a socket [VSK-10]."""
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


@EACH_RING
def test_random_lies(name, ring, pool, image):
    """A while of any of them, in any order [VQ-21]."""
    device, queue, lies = LIARS[name]
    guest = pool.get(device, image, ring, fresh=True)
    guest.works()
    all_lies = [*liar.RING_LIES[ring].values(), *lies.values()]
    guest.device.tell(liar.any_of(all_lies, f'{name}{ring}'), liar.EVER, queue)
    for _ in range(20):
        guest.begin()
        guest.machine.run_for(0.05)  # a device that has fallen silent is waited for by its users
    assert guest.device.lied
    guest.others_run_on()
    guest.ends()


@EACH_RING
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


@EACH
def test_hangs_up(name, pool, image):
    """The process is gone in the middle of it."""
    device, queue, _ = LIARS[name]
    guest = pool.get(device, image, 'split', fresh=True)
    guest.works()
    guest.device.tell(liar.hold, liar.EVER, queue)
    guest.begin()
    guest.machine.run_for(0.1)
    guest.device.hang_up()
    guest.machine.run_for(0.3)
    guest.others_run_on()
    guest.ends()


@pytest.mark.parametrize('what', hostile_scsi.CLAIMS)
def test_what_a_unit_says(what, pool, image):
    """Of its size, its kind and its neighbours, when it is asked again: it is a disk as before, or
    none until it says so [SCS-07] [SCS-08]."""
    guest = pool.get(hostile_scsi.Scsi, image, 'split')
    guest.works()
    honest = guest.device.says(**hostile_scsi.CLAIMS[what])
    guest.use(timeout=60)
    guest.others_run_on()
    guest.device.says(**honest)
    guest.works()
    guest.used = False


@pytest.mark.parametrize('what', hostile_fs.INITS)
def test_what_a_session_begins_with(what, pool, image):
    """Nothing is mounted [FS-03]; the guest goes on without."""
    guest = pool.get(hostile_fs.Fs, image, 'split', begins=tuple(hostile_fs.INITS[what].items()))
    assert guest.use() == -errno.ENOENT
    guest.others_run_on()
    guest.ends()


@pytest.mark.parametrize('what', hostile_disks.CONFIGS)
def test_configuration(what, pool, image):
    """What a disk says of itself at the start is brought into range, or it is no disk [CFG-09]."""
    guest = pool.get(hostile_disks.Blk, image, 'split',
                     says=tuple(hostile_disks.CONFIGS[what].items()))
    assert guest.use() in (0, ENODEV, -errno.EINVAL)
    guest.others_run_on()
    guest.ends()


def test_capacity_changes(pool, image):
    """The word of a disk of another size, again and again, also one that cannot be [CFG-07]
    [BLK-19]: what is beyond its end fails, and is there again later."""
    guest = pool.get(hostile_disks.Blk, image, 'split', fresh=True)
    guest.works()
    for sectors in (0, 8, (1 << 64) - 1, 1, 1 << 55):
        guest.device.change_config(hostile_disks.config(capacity=sectors))
        guest.use()
        guest.others_run_on()
    guest.device.change_config(hostile_disks.config(capacity=8))
    guest.until(-errno.EINVAL)
    guest.device.change_config(hostile_disks.config())
    guest.works()
    guest.others_run_on()
    guest.ends()
