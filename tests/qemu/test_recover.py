# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""Devices of QEMU's that are broken from within, under load, and come back: [INI-10] [INI-11]
[INI-13] [VQ-21]; with RING_RESET one queue alone [VQ-26]. tests/guest/recover breaks them."""
import contextlib
import re
import socket
import threading

import pytest

import qemu
from test_card import wide_tap  # noqa: F401
from test_tap import ip

VARIANTS = {
    'plain': '',
    'no-queue-reset': ',queue_reset=off',
    'intx': ',vectors=0',
    'shared-vector': ',vectors=2',
    'plain-ring': ',event_idx=off,indirect_desc=off',
    'packed': ',packed=on',
    'packed-no-queue-reset': ',packed=on,queue_reset=off',
}
TIMES = 3


def run(image, arguments, devices, cmdline='', **kw):
    return qemu.Machine(image('guest/recover'), cmdline=f'log=info {cmdline} -- {arguments}',
                        devices=devices, **kw)


def alone(options):
    """How often a queue is to come back alone."""
    return [0 if 'queue_reset=off' in options else TIMES]


def check(machine, name, queue_resets, meanwhile=lambda turn: None):
    """All came back, nobody saw wrong bytes; how, the counters say."""
    for i in range(2 * TIMES):
        meanwhile(i)
        # Perhaps in the middle of the log's line, which another thread writes.
        machine.wait(f'{name} came back: {i + 1}$', timeout=30)
    machine.wait(r'^\d+ done, \d+ errors, 0 wrong')
    found = machine.wait(rf'^{name}: resets (\d+), recoveries (\d+), queues (\d+)$')
    assert machine.exit_code() == 0
    assert int(found[3]) in queue_resets
    assert int(found[2]) + int(found[3]) == 2 * TIMES
    assert not re.search('(?i)panic|cannot be brought back', machine.text())


@pytest.mark.parametrize('bounce', ['', 'bounce=4M'], ids=['', 'bounce'])
@pytest.mark.parametrize('variant', VARIANTS)
def test_disk(variant, bounce, image, tmp_path):
    """Requests are issued again: the reader sees its bytes, the writer loses nothing. The
    queue may be reset alone when the load has nothing in it just then."""
    disk = tmp_path / 'disk'
    data = bytes(i * i // 7 & 255 for i in range(1 << 20))
    disk.write_bytes(data)
    options = VARIANTS[variant]
    with run(image, f'block0 0 {TIMES} disk',
             ['-drive', f'if=none,id=d,format=raw,file={disk}',
              '-device', 'virtio-blk-pci,drive=d' + options], cmdline=bounce) as machine:
        check(machine, 'block0', range(alone(options)[0] + 1))
    assert disk.read_bytes() == data


@pytest.mark.parametrize('variant', VARIANTS)
def test_idle_disk(variant, image):
    """A queue that nothing is in is reset alone: QEMU's disks forget its ring, but not the
    requests they took from it."""
    with run(image, f'block0 0 {TIMES}',
             ['-blockdev', 'driver=null-co,node-name=d,size=1048576', '-device',
              'virtio-blk-pci,drive=d' + VARIANTS[variant]]) as machine:
        check(machine, 'block0', alone(VARIANTS[variant]))


@pytest.mark.parametrize('queue', [0, 1, 2], ids=['receive', 'transmit', 'control'])
@pytest.mark.parametrize('variant', VARIANTS)
def test_card(variant, queue, image):
    """A connection outlives it; afterwards the card takes a command."""
    with run(image, f'net0 1/{queue} {TIMES} echo',
             ['-netdev', 'user,id=n0,guestfwd=tcp:10.0.2.100:7-cmd:cat',
              '-device', 'virtio-net-pci,netdev=n0' + VARIANTS[variant]],
             cmdline='net=dhcp', timeout=60) as machine:
        check(machine, 'net0', alone(VARIANTS[variant]))
        assert re.search(r'^\d+ done, 0 errors', machine.text(), re.M)


def test_card_of_several_pairs(wide_tap, image):  # noqa: F811
    """One row, as the peer's address is the only one: each queue of two pairs, and control."""
    ip(f'addr add 10.0.2.100/24 dev {wide_tap[0]}')
    with socket.create_server(('10.0.2.100', 7)) as server:
        for queue in range(5):
            with run(image, f'net0 1/{queue} {TIMES} echo',
                     ['-netdev', f'tap,id=n0,ifname={wide_tap[0]},script=no,downscript=no,'
                                 'queues=2', '-device', 'virtio-net-pci,netdev=n0,mq=on'],
                     cmdline='net=10.0.2.15/24 net_queues=2', timeout=60) as machine:
                server.settimeout(60)
                end = server.accept()[0]
                host = threading.Thread(target=echo, args=[end], daemon=True)
                host.start()
                check(machine, 'net0', [TIMES])
                assert re.search(r'^\d+ done, 0 errors', machine.text(), re.M)
            with end, contextlib.suppress(OSError):  # perhaps it is at its end already
                end.shutdown(socket.SHUT_RDWR)
            host.join()


@pytest.mark.parametrize('variant', VARIANTS)
def test_entropy(variant, image):
    options = VARIANTS[variant]
    with run(image, f'rng0 0 {TIMES}', ['-device', 'virtio-rng-pci' + options]) as machine:
        check(machine, 'rng0', alone(options))


def test_console(image):
    """One port: what was printed meanwhile comes out; what is typed afterwards is read."""
    with run(image, f'console0 1/0 {TIMES} line', [], cmdline='console=virtio', console=True,
             extra=['-global', 'virtio-serial-device.max_ports=1']) as machine:
        for i in range(2 * TIMES):
            machine.wait(f'^console0 came back: {i + 1}', stream='console')
        machine.send('typed\n')
        machine.wait('^read: typed', stream='console')
        machine.wait(r'^0 done, 0 errors, 0 wrong', stream='console')
        machine.wait(rf'^console0: .*, recoveries {TIMES}, queues {TIMES}$', stream='console')
        assert machine.exit_code() == 0


def echo(end):
    """Says back all that comes, until the other end is closed."""
    with contextlib.suppress(ConnectionError):
        while data := end.recv(1000):
            end.sendall(data)


@pytest.mark.parametrize('queue', [2, 3, 4, 5],
                         ids=['control-in', 'control-out', 'input', 'output'])
@pytest.mark.parametrize('variant', ['plain', 'no-queue-reset', 'packed'])
def test_ports(variant, queue, image):
    """[CON-03] The host describes its ports again; where one queue is reset alone, who has
    a port open notices nothing."""
    options = VARIANTS[variant]
    ours, qemus = socket.socketpair()
    host = threading.Thread(target=echo, args=[ours])
    host.start()
    with ours, run(image, f'console0 3/{queue} {TIMES} port',
                   ['-device', 'virtio-serial-pci,id=ports' + options,
                    '-chardev', f'socket,id=echo,fd={qemus.fileno()}', '-device',
                    'virtserialport,bus=ports.0,nr=1,chardev=echo,name=org.test.echo'],
                   pass_fds=[qemus.fileno()]) as machine:
        qemus.close()
        check(machine, 'console0', alone(options))
    host.join()


@pytest.mark.parametrize('queue', [0, 1, 2, 3], ids=['inflate', 'deflate', 'stats', 'report'])
@pytest.mark.parametrize('variant', ['plain', 'no-queue-reset', 'packed'])
def test_balloon(variant, queue, image):
    """It holds what the host wants in the end. QEMU goes on with the statistics that it has:
    for want of others the device is reset."""
    options = VARIANTS[variant]
    with run(image, f'balloon0 0/{queue} {TIMES} balloon',
             ['-device', 'virtio-balloon-pci,free-page-reporting=on' + options]) as machine:
        def want(turn):
            with contextlib.suppress(qemu.QemuError): # perhaps it is at its end already
                machine.qmp('balloon', value=(128 - 24 + turn % 2 * 16) << 20)

        check(machine, 'balloon0', [0] if queue == 2 else alone(options), want)


# More devices whose requests outlive their queue.
IDLE = {
    'scsi': ('scsi0', 2, ['-device', 'virtio-scsi-pci{}']),
    'scsi-events': ('scsi0', '2/1', ['-device', 'virtio-scsi-pci,id=s{}',
                                     '-blockdev', 'driver=null-co,node-name=d,size=1048576',
                                     '-device', 'scsi-hd,drive=d,bus=s.0']),
    'pmem': ('pmem0', 0, ['-object', 'memory-backend-ram,id=m,size=2M',
                          '-device', 'virtio-pmem-pci,memdev=m{}']),
    '9p': ('9p0', 0, ['-fsdev', 'local,id=f,path={path},security_model=none',
                      '-device', 'virtio-9p-pci,fsdev=f,mount_tag=t{}']),
}


# QEMU's pmem device has no vectors to choose.
@pytest.mark.parametrize('kind,variant', [
    (kind, variant) for kind in IDLE for variant in VARIANTS
    if kind != 'pmem' or 'vectors' not in VARIANTS[variant]])
def test_idle_others(kind, variant, image, tmp_path):
    """As of a disk."""
    name, queue, devices = IDLE[kind]
    options = VARIANTS[variant]
    devices = [each.format(options, path=tmp_path) for each in devices]
    expected = alone(options)
    if kind == 'scsi': # which looks for its disks when it comes back
        expected = range(expected[0] + 1)
    with run(image, f'{name} {queue} {TIMES}', devices, memory='128M,maxmem=1G') as machine:
        check(machine, name, expected)
