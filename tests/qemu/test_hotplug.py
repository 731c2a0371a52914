# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""Devices that come and go while the guest runs, by each of QEMU's ways: native PCI Express
slots, ACPI for root ports, ACPI for the slots of a conventional bus."""
import pytest

import disks
import qemu

PORT = ['-device', 'pcie-root-port,id=rp0,chassis=1,slot=1']
KINDS = {
    'native': ('q35', ['-global', 'ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off'] + PORT,
               {'bus': 'rp0'}),
    'acpi': ('q35', PORT, {'bus': 'rp0'}),
    'pc': ('pc', [], {'bus': 'pci.0'}),
    'pc-bridge': ('pc', ['-device', 'pci-bridge,id=br0,chassis_nr=1'],
                  {'bus': 'br0', 'addr': '3'}),
}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def boot(image, kind, tmp_path, more=(), ports=True):
    """A machine with two block devices that nothing is plugged to: data, and the end."""
    machine, devices, _ = KINDS[kind]
    devices = devices if ports else []
    for name, seed in (('data', 3), ('last', 4)):
        path = tmp_path / name
        path.write_bytes(disks.pattern(1 << 20, seed))
        devices = devices + ['-blockdev', f'driver=raw,node-name={name},file.driver=file,'
                                          f'file.filename={path}']
    return qemu.Machine(image('guest/hotplug'), machine=machine, devices=[*devices, *more])


def plug(guest, kind, driver, **options):
    guest.qmp('device_add', driver=driver, id='it', **KINDS[kind][2], **options)


def unplug(guest):
    guest.qmp('device_del', id='it')
    guest.wait(r'"DEVICE_DELETED".*"device": "it".*\n', stream='qmp')


def end(guest, kind):
    plug(guest, kind, 'virtio-blk-pci', drive='last', serial='end')
    guest.wait('the end')
    assert guest.exit_code() == 0


@pytest.mark.parametrize('flavour', [{}, {'disable-legacy': 'on'}, {'vectors': 0}],
                         ids=['plain', 'modern', 'intx'])
def test_disk(image, tmp_path, kind, flavour):
    """A disk that is plugged in is read; taken out in the middle of that, it gives an error
    and nothing else happens [PCI-30]."""
    total = disks.checksum(disks.pattern(1 << 20, 3)[:65536])
    with boot(image, kind, tmp_path) as guest:
        guest.wait('^watching')
        for serial in ('one', 'two'):
            plug(guest, kind, 'virtio-blk-pci', drive='data', serial=serial, **flavour)
            got = guest.wait(rf"^disk vd. '{serial}': 2048 sectors, read 0, sum (\w+)\n")
            assert got[1].decode() == total
            guest.run_for(0.2)
            unplug(guest)
            guest.wait(rf"^disk vd. '{serial}' ended with -(5|19) after some reads")
            guest.wait('^unplugged block')
        end(guest, kind)


def test_again_and_again(image, tmp_path, kind):
    """Ten times the same disk; its place is used again each time."""
    with boot(image, kind, tmp_path) as guest:
        guest.wait('^watching')
        for turn in range(10):
            plug(guest, kind, 'virtio-blk-pci', drive='data', serial=str(turn))
            guest.wait(rf"^disk vd. '{turn}': 2048 sectors, read 0")
            unplug(guest)
            guest.wait(rf"^disk vd. '{turn}' ended with -(5|19)")
        end(guest, kind)


@pytest.mark.parametrize('device', ['virtio-net-pci', 'virtio-rng-pci'])
def test_others(image, tmp_path, kind, device):
    """A network card and an entropy device."""
    name = device.split('-')[1]
    with boot(image, kind, tmp_path, ['-netdev', 'user,id=n0,restrict=on']) as guest:
        guest.wait('^watching')
        for _ in range(3):
            plug(guest, kind, device, **({'netdev': 'n0'} if name == 'net' else {}))
            guest.wait(rf'^plugged {name}\d at')
            unplug(guest)
            guest.wait(rf'^unplugged {name}')
        end(guest, kind)


ROOM = ['-device', 'pcie-root-port,id=rp0,chassis=1,slot=1,bus-reserve=2']
BRIDGES = {
    'native': ('pcie-pci-bridge', KINDS['native'][1][:2] + ROOM),
    'acpi': ('pcie-pci-bridge', ROOM),
    'pc': ('pci-bridge', ['-global', 'pci-bridge.chassis_nr=1']),
}


@pytest.mark.parametrize('kind', BRIDGES)
def test_bridge(image, tmp_path, kind):
    """[PCI-24] A bridge is plugged in with a disk behind it: they get a bus, and windows in what the
    firmware left. While the machine stands still they come together, as QEMU's bridge has
    a way of its own to say that something was plugged in behind it."""
    driver, port = BRIDGES[kind]
    machine, _, place = KINDS[kind]
    total = disks.checksum(disks.pattern(1 << 20, 3)[:65536])
    with boot(image, kind, tmp_path, port, ports=False) as guest:
        guest.wait('^watching')
        for serial in ('one', 'two'):
            guest.qmp('stop')
            guest.qmp('device_add', driver=driver, id='it', **place)
            guest.qmp('device_add', driver='virtio-blk-pci', bus='it', addr='4', drive='data',
                      id=serial, serial=serial)
            guest.qmp('cont')
            got = guest.wait(rf"^disk vd. '{serial}': 2048 sectors, read 0, sum (\w+)\n")
            assert got[1].decode() == total
            unplug(guest)
            guest.wait(rf"^disk vd. '{serial}' ended with -(5|19) after some reads")
            guest.wait('^unplugged block')
        end(guest, kind)
