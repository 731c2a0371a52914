# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""Back ends for the programs of `make host`, and a way to run those programs."""
import json
import os
import select
import shutil
import socket
import subprocess
import time

import results

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SECONDS = int(os.environ.get('FERRULE_TEST_SECONDS', 120))
KINDS = ('host', 'host-asan')


def program(name, kind='host'):
    path = f'{ROOT}/build/{kind}/{name}'
    assert os.path.exists(path), f'{path} is not built (make vhost-images)'
    return path


def run(name, *arguments, kind='host', environment=None):
    results.note_machine('vhost-user', arguments)
    return subprocess.run([program(name, kind), *arguments], capture_output=True, timeout=SECONDS,
                          stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})


def clean(result, status=0):
    """The program ended with that status, and no sanitizer said anything."""
    said = result.stderr.decode(errors='replace')
    assert 'Sanitizer' not in said and 'runtime error' not in said, said
    assert result.returncode == status, (result.returncode, result.stdout[-2000:], said)
    return said


def line(process):
    """The next line that a program prints."""
    readable, _, _ = select.select([process.stdout], [], [], SECONDS)
    assert readable, f'no line within {SECONDS} s'
    return process.stdout.readline()


def wait_until(condition, what):
    until = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < until, f'{what}: not within {SECONDS} s'
        time.sleep(0.01)


def listening(path):
    """Whether somebody listens at a socket: it is there a moment earlier. (To connect would be
    to take the one connection that many back ends accept.)"""
    with open('/proc/net/unix') as sockets:  # flags: 0x10000 when it accepts connections
        return any(words[3] == '00010000' and words[-1] == path
                   for words in map(str.split, sockets))


class Process:
    """A back end that listens at self.socket."""

    def __init__(self, command, listens, **options):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        **options)
        self.socket = listens
        try:
            wait_until(lambda: listening(listens) or self.process.poll() is not None,
                       f'{command[0]} listens')
            assert self.process.poll() is None, self.process.communicate()[0]
        except BaseException:
            self.end()
            raise

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        """What it said, after it was told to end."""
        self.process.terminate()
        try:
            return self.process.communicate(timeout=SECONDS)[0].decode(errors='replace')
        finally:
            self.process.kill()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


class StorageDaemon(Process):
    """qemu-storage-daemon with a raw image as vhost-user-blk."""

    def __init__(self, folder, image, **options):
        extra = ''.join(f',{key.replace("_", "-")}={value}' for key, value in options.items())
        self.qmp = f'{folder}/qmp.sock'
        super().__init__(
            ['qemu-storage-daemon',
             '--blockdev', f'driver=file,node-name=file0,filename={image}',
             '--chardev', f'socket,id=qmp,path={self.qmp},server=on,wait=off',
             '--monitor', 'chardev=qmp',
             '--export', 'type=vhost-user-blk,id=export0,node-name=file0,addr.type=unix,'
                         f'addr.path={folder}/blk.sock,writable=on{extra}'],
            f'{folder}/blk.sock')

    def command(self, name, **arguments):
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(self.qmp)
            lines = link.makefile('rw')
            lines.readline()
            for request in ({'execute': 'qmp_capabilities'},
                            {'execute': name, 'arguments': arguments}):
                lines.write(json.dumps(request) + '\n')
                lines.flush()
                answer = json.loads(lines.readline())
                assert 'return' in answer, answer


TESTPMD = shutil.which('dpdk-testpmd')


class Testpmd(Process):
    """DPDK's vhost: it forwards what it receives back to where it came from."""

    def __init__(self, folder):
        # Its end of the standard input stays open: at its end testpmd ends.
        super().__init__(
            [TESTPMD, '--no-huge', '-m', '256', '--no-pci', '-l', '0,1',
             '--file-prefix', os.path.basename(folder),
             '--vdev', f'net_vhost0,iface={folder}/net.sock',
             '--', '--forward-mode=io', '--auto-start', '--total-num-mbufs=2048'],
            f'{folder}/net.sock', stdin=subprocess.PIPE)
