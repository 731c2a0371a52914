# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""Folders of the host for a guest: by virtiofsd, and by QEMU's own 9p."""
import os
import shutil
import subprocess
import tempfile
import time

import qemu

VIRTIOFSD = next((path for path in ('/usr/lib/qemu/virtiofsd', '/usr/libexec/virtiofsd')
                  if os.path.exists(path)), None)


class Virtiofs:
    """virtiofsd with a folder; `arguments` are QEMU's."""

    kind = 'virtiofs'

    def __init__(self, folder, options='', memory='128M', daemon=()):
        self.tmp = tempfile.mkdtemp(prefix='ferrule-virtiofs-')
        self.socket = os.path.join(self.tmp, 'socket')
        self.folder, self.daemon = folder, list(daemon)
        self.process = None
        self.start()
        self.arguments = [
            '-object', f'memory-backend-memfd,id=shared,size={memory},share=on',
            '-numa', 'node,memdev=shared',
            '-chardev', f'socket,id=virtiofs,path={self.socket}',
            '-device', f'vhost-user-fs-pci,chardev=virtiofs,tag=host{options}']

    def start(self):
        with open(os.path.join(self.tmp, 'log'), 'ab') as log:
            self.process = subprocess.Popen(
                [VIRTIOFSD, f'--socket-path={self.socket}', '-o', f'source={self.folder}',
                 '-o', 'sandbox=chroot', *self.daemon], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log)
        end = time.monotonic() + 20 * qemu.PATIENCE
        while not self.listens():
            if self.process.poll() is not None or time.monotonic() > end:
                with open(os.path.join(self.tmp, 'log'), errors='replace') as log:
                    raise AssertionError('virtiofsd does not start: ' + log.read()[-500:])
            time.sleep(0.02)

    def listens(self):
        """The socket is there a moment before; to connect would be to take its only one."""
        with open('/proc/net/unix') as sockets:  # flags: 0x10000 when it accepts connections
            return any(words[3] == '00010000' and words[-1] == self.socket
                       for words in map(str.split, sockets))

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.kill()
        shutil.rmtree(self.tmp, ignore_errors=True)


class P9:
    """QEMU's 9p with a folder."""

    kind = '9p'

    def __init__(self, folder, options='', memory='128M'):
        del memory
        self.arguments = [
            '-fsdev', f'local,id=folder,path={folder},security_model=none',
            '-device', f'virtio-9p-pci,fsdev=folder,mount_tag=host{options}']

    def close(self):
        pass


KINDS = {'virtiofs': Virtiofs, '9p': P9}
