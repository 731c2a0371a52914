# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""The machines that are measured: ours, and Linux with the same program."""
import os
import re
import socket
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'tests/qemu'))
import disks  # noqa: E402
import qemu  # noqa: E402

GUEST = '10.77.0.2'
PLUGIN = os.path.join(ROOT, 'build/bench/icount.so')
LINUX_CMDLINE = 'console=ttyS0 quiet reboot=t panic=-1 no_timer_check'


def built(name):
    return os.path.join(ROOT, 'build', name)


class Counted(qemu.Machine):
    """A machine with the plugin: marks() are its reports, with the kicks and interrupts
    that the log holds before each."""

    def __init__(self, image, at=(), **kw):
        self.ask_ours, self.ask_qemus = socket.socketpair()
        fd = self.ask_qemus.fileno()
        plugin = ','.join([PLUGIN, f'ask={fd}', *(f'at={a:#x}' for a in at)])
        kw.setdefault('memory', '256M')
        super().__init__(image, machine='pc', cpu='qemu64', timeout=120, cpus='1', pass_fds=[fd],
                         trace=('virtio_queue_notify', 'virtio_notify'),
                         extra=['-icount', 'shift=0,sleep=on', '-plugin', plugin, '-d',
                                'plugin', *kw.pop('extra', ())], **kw)
        self.ask_qemus.close()

    def close(self):
        super().close()
        self.ask_ours.close()
        self.ask_qemus.close()

    def marks(self, what=None):
        found, kicks, interrupts = [], 0, 0
        for line in self.traced():
            mark = re.search(r'\bmark (\S+) instructions (\d+) halts (\d+)', line)
            if mark:
                found.append((mark[1], {'instructions': int(mark[2]), 'halts': int(mark[3]),
                                        'kicks': kicks, 'interrupts': interrupts}))
            elif 'virtio_queue_notify ' in line:
                kicks += 1
            elif 'virtio_notify ' in line:
                interrupts += 1
        return [counts for name, counts in found if what in (None, name)]

    def sample(self):
        """Has the plugin report when the guest has gone idle; the counts."""
        last = None
        for _ in range(100):
            self.run_for(0.03)
            self.ask_ours.sendall(b'?')
            self.ask_ours.recv(1)
            counts = self.marks('ask')[-1]
            if last and counts['instructions'] == last['instructions']:
                break
            last = counts
        return counts


def ours(name, arguments='', cmdline='', **kw):
    return Counted(built(name), cmdline=f'{cmdline} -- {arguments}', **kw)


def linux(folder, arguments, **kw):
    return Counted(f'{folder}/bzImage', initrd=f'{folder}/initrd',
                   cmdline=f'{LINUX_CMDLINE} -- {arguments}', debug_exit=False, **kw)


class Ours:
    name = 'ferrule'

    def read(self, arguments, **kw):
        return ours('bench/blk.elf', arguments, **kw)

    def echo(self, protocol, **kw):
        return ours('bench/echo.elf', protocol, f'net={GUEST}/24', **kw)

    def http(self, folder, **kw):
        disk = disks.ext4_of(folder, os.path.join(os.path.dirname(folder), 'disk.img'))
        return ours('httpd.elf', '-p 80 /', f'net={GUEST}/24 root=vda', devices=[
            *kw.pop('devices'), '-drive', f'if=none,id=root,format=raw,file={disk}',
            '-device', 'virtio-blk-pci,drive=root,ioeventfd=off'], **kw)

    serving = r'serving|SERVING'

    def boot(self):
        """From the image's entry to the first instruction of main()."""
        image = built('hello.elf')
        entry, main = addresses(image)
        with Counted(image, at=[entry, main]) as m:
            m.wait_end()
            first, last = m.marks(f'{entry:#x}'), m.marks(f'{main:#x}')
        return {'instructions': last[0]['instructions'] - first[0]['instructions']}


class Linux:
    name = 'linux'

    def __init__(self, folder):
        self.folder = folder

    def read(self, arguments, **kw):
        return linux(self.folder, f'/blk {arguments}', **kw)

    def echo(self, protocol, **kw):
        return linux(self.folder, f'/echo {protocol}', **kw)

    def http(self, _, **kw):
        return linux(self.folder, '/httpd -p 80 /www', **kw)

    serving = r'serving|SERVING'

    def boot(self):
        """To the first instruction of a first process that needs no device."""
        with linux(self.folder, '') as m:
            m.wait('USERSPACE')
            return {'instructions': m.marks('1')[0]['instructions']}


def addresses(image):
    """Where the image is entered (Multiboot 1, before paging), and where main() is."""
    symbols = subprocess.run(['nm', image.replace('.elf', '.debug')], capture_output=True,
                             text=True, check=True).stdout
    entry, main = (int(re.search(rf'^([0-9a-f]+) [tT] {name}$', symbols, re.M)[1], 16)
                   for name in ('enter_multiboot1', 'main'))
    return entry & 0x7fffffff, main
