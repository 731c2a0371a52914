# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""Console ports that come and go while the guest runs, and one that nobody reads."""
import os
import socket

import qemu


def listen(path):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(1)
    s.settimeout(30 * qemu.PATIENCE)
    return s


def plug(m, number, name, path):
    m.qmp('chardev-add', id=f'c{number}', backend={
        'type': 'socket', 'data': {'addr': {'type': 'unix', 'data': {'path': path}},
                                   'server': False}})
    m.qmp('device_add', driver='virtserialport', id=f'p{number}', bus='ports.0', nr=5,
          chardev=f'c{number}', name=name)


def echo(m, s, text):
    s.settimeout(m.timeout)
    s.sendall(text)
    got = b''
    while len(got) < len(text):
        try:
            more = s.recv(1000)
        except ConnectionResetError:
            more = b''
        if not more:
            m.run_for(1)
            m.fail(f'the port was closed after {got}')
        got += more
    assert got == text.upper()


def test_plugged_ports(image, tmp_path):
    """[CON-03] [CON-05] [CON-06] [CON-08] A port is added, used, taken away; another is
    added under its number."""
    with qemu.Machine(image('guest/ports'), cmdline='-- org.test.one org.test.two',
                      devices=['-device', 'virtio-serial-pci,id=ports']) as m:
        # QEMU lets go of a port's socket some time after the port is gone. Should the peer
        # close it before that, it says that the port of that number was closed: the new one.
        servers, peers = [], []
        for number, name in enumerate(('one', 'two')):
            path = str(tmp_path / name)
            servers.append(listen(path))
            plug(m, number, f'org.test.{name}', path)
            s = servers[-1].accept()[0]
            peers.append(s)
            m.wait(f'^port org.test.{name}: there')
            echo(m, s, b'hello ' + name.encode())
            if name == 'one':
                m.qmp('device_del', id='p0')
            else:
                s.sendall(b'end')
            m.wait(f'^port org.test.{name} ended with 0')
        assert m.exit_code() == 0


def test_unread_console(image, tmp_path):
    """[CON-11] Nobody reads the console: much text is written all the same, and the guest
    ends."""
    path = os.path.join(str(tmp_path), 'unread')
    server = listen(path)
    with qemu.Machine(image('guest/talker'), cmdline='console=virtio', devices=[
            '-device', 'virtio-serial-pci,max_ports=1',
            '-chardev', f'socket,id=unread,path={path}',
            '-device', 'virtconsole,chardev=unread']) as m:
        unread = server.accept()[0]
        assert m.exit_code() == 0
        unread.close()
