# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""The console's shell where there is no PCI bus."""
import pytest

import qemu


@pytest.mark.parametrize('version', [1, 2])
@pytest.mark.parametrize('machine', ['microvm', 'microvm-no-acpi'])
def test_shell(image, machine, version):
    """Commands come and answers go through a virtio console on MMIO [MMI-06] [MMI-10]."""
    legacy = 'on' if version == 1 else 'off'
    with qemu.Machine(image('httpd'), door='pvh', machine=machine, console=True,
                      cmdline='net=10.0.2.15/24 -- -p 80 /', devices=[
                          '-global', f'virtio-mmio.force-legacy={legacy}',
                          '-netdev', 'user,id=n0,restrict=on',
                          '-device', 'virtio-net-device,netdev=n0']) as guest:
        guest.wait('> $', stream='console')
        guest.send('devices\r')
        guest.wait(r'console0.*mmio|mmio.*console0', stream='console')
        guest.send('poweroff\r')
        assert guest.exit_code() == 0
