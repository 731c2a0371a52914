# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
import os
import re
import shutil
import subprocess
import tempfile
import time

import pytest

import results

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROBE = f'{ROOT}/build/qtest/probe'
SECONDS = int(os.environ.get('FERRULE_TEST_SECONDS', 120))
RAM_MIB = 64

# A BIOS for a CPU that is not to run: at the reset vector cli; hlt; and again.
BIOS = bytes(65536 - 16) + b'\xfa\xf4\xeb\xfd' + bytes(12)


class Machine:
    """QEMU with these devices, and what the probe says of them."""

    def __init__(self, folder, devices, probe, keys=(), environment=None):
        with open(f'{folder}/hlt.bin', 'wb') as file:
            file.write(BIOS)
        with open(f'{folder}/ram', 'wb') as file:
            file.truncate(RAM_MIB << 20)
        qemu = subprocess.Popen(
            ['qemu-system-x86_64', '-M', 'pc,accel=tcg,memory-backend=ram',
             '-m', f'{RAM_MIB}M,slots=1,maxmem=1G',
             '-object', f'memory-backend-file,id=ram,size={RAM_MIB}M,mem-path={folder}/ram,share=on',
             '-nodefaults', '-vga', 'none', '-display', 'none', '-bios', f'{folder}/hlt.bin',
             '-qtest', f'unix:{folder}/qtest,server=on,wait=off', '-qtest-log', 'none', *devices],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            until = time.monotonic() + SECONDS
            while not os.path.exists(f'{folder}/qtest'):
                assert qemu.poll() is None, qemu.communicate()[0].decode()
                assert time.monotonic() < until
                time.sleep(0.01)
            self.result = subprocess.run(
                [PROBE, f'memory={RAM_MIB}M', 'log=info', *keys, '--', *probe],
                capture_output=True, timeout=SECONDS,
                env={**os.environ, 'FERRULE_QTEST': f'{folder}/qtest',
                     'FERRULE_QTEST_RAM': f'{folder}/ram', **(environment or {})})
        finally:
            qemu.kill()
            self.qemu_said = qemu.communicate()[0].decode()
        self.out = self.result.stdout.decode()
        self.log = self.result.stderr.decode()
        assert 'Sanitizer' not in self.log and 'runtime error' not in self.log, self.log
        assert self.result.returncode == 0, (self.result.returncode, self.out, self.log)

    def has(self, *lines):
        """Each is a line of what the probe printed."""
        for line in lines:
            assert line in self.out.splitlines(), f'{line!r} is missing in\n{self.out}{self.log}'

    def find(self, pattern):
        match = re.search(pattern, self.out, re.M)
        assert match, f'{pattern!r} is missing in\n{self.out}{self.log}'
        return match

    def negotiated(self, bit):
        return int(self.find(r'negotiated (0x\w+|0)')[1], 0) >> bit & 1

    def offered(self, bit):
        return int(self.find(r'offered (0x\w+|0)')[1], 0) >> bit & 1


@pytest.fixture
def machine():
    """machine(devices, what the probe is to do …, keys=, environment=)"""
    folder = tempfile.mkdtemp(prefix='ferrule-')
    numbers = iter(range(100))

    def make(devices, *probe, **more):
        mine = f'{folder}/{next(numbers)}'
        os.mkdir(mine)
        results.note_machine('qtest', [*devices, *more.get('keys', ())])
        return Machine(mine, devices, probe, **more)

    yield make
    shutil.rmtree(folder)


@pytest.fixture
def disk(tmp_path):
    """disk('packed=on'): arguments of a virtio disk; disk.sum is that of its first 64 KiB."""
    data = os.urandom(1 << 20)
    path = tmp_path / 'disk.img'
    path.write_bytes(data)

    def arguments(options=''):
        return ['-drive', f'if=none,id=d,file={path},format=raw,cache=unsafe',
                '-device', f'virtio-blk-pci,drive=d{"," if options else ""}{options}']

    arguments.line = f'read 0, sum {sum(byte * (i + 1) for i, byte in enumerate(data[:65536]))}'
    return arguments
