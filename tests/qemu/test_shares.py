# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""Folders of the host, mounted: what the guest makes of them, byte for byte."""
import os
import signal
import stat

import pytest

import disks
import http_checks
import qemu
import shares
import test_httpd
from test_rows import free_port

VARIANTS = {
    'virtiofs': ('virtiofs', ''),
    'virtiofs-packed': ('virtiofs', ',packed=on'),
    'virtiofs-short-queue': ('virtiofs', ',queue-size=16'),
    'virtiofs-no-indirect': ('virtiofs', ',indirect_desc=off,event_idx=off'),
    '9p': ('9p', ''),
    '9p-modern': ('9p', ',disable-legacy=on'),
    '9p-legacy': ('9p', ',disable-modern=on,disable-legacy=off'),
    '9p-packed': ('9p', ',packed=on'),
    '9p-no-indirect': ('9p', ',indirect_desc=off,event_idx=off'),
}
LARGE = 3 * 1024 * 1024 + 17


@pytest.fixture
def share(tmp_path):
    """share(kind, options) is that kind of share of the folder tmp_path/host."""
    made = []

    def make(kind, options='', **more):
        if kind == 'virtiofs' and (not shares.VIRTIOFSD or os.geteuid()):
            pytest.skip('no virtiofsd, or not root')
        os.makedirs(tmp_path / 'host', exist_ok=True)
        made.append(shares.KINDS[kind](str(tmp_path / 'host'), options, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def pattern(size):
    """As tests/guest/shares writes it."""
    return bytes((i * 31 + (i >> 8) * 7 + (i >> 16)) & 0xff for i in range(size))


@pytest.mark.parametrize('variant', VARIANTS)
def test_shares(variant, share, image, tmp_path):
    """[FS-01] [FS-03] [P9-01] [P9-02]: files, directories, links, attributes; the host finds
    what the guest says it made."""
    kind, options = VARIANTS[variant]
    host = tmp_path / 'host'
    os.makedirs(host / 'many')
    for number in range(10000):
        (host / 'many' / f'entry-{number}').touch()
    with qemu.Machine(image('guest/shares'), cmdline=f'root=none mount={kind}:host:/host '
                      '-- /host', devices=share(kind, options).arguments) as machine:
        assert machine.exit_code(120) == 0, machine.text()
    assert (host / 'large').read_bytes() == pattern(LARGE)
    assert (host / 'sparse').stat().st_size == 1 << 29
    assert (host / 'was long').exists() and (host / 'moved' / 'e').is_dir()
    assert not (host / 'd').exists() and not (host / 'a').exists()
    assert os.readlink(host / 'soft') == 'other' and os.readlink(host / 'tiny') == 'x'
    assert os.readlink(host / 'long') == 't' * 4000
    other = (host / 'other').stat()
    assert stat.S_IMODE(other.st_mode) == 0o751 and (host / 'other').read_text() == 'text'
    assert other.st_atime_ns == 1000000000123456789
    assert len(os.listdir(host / 'many')) == 10000


def test_mmio(share, image, tmp_path):
    """[P9-01] [P9-02]: the same POSIX files test over MMIO, as microvm has it."""
    arguments = [word.replace('virtio-9p-pci', 'virtio-9p-device')
                 for word in share('9p').arguments]
    with qemu.Machine(image('guest/posix_files'), cmdline='root=9p:host', machine='microvm',
                      devices=arguments) as machine:
        assert machine.exit_code(60) == 0, machine.text()
        assert 'PASS nothing is left behind' in machine.text()
    assert os.listdir(tmp_path / 'host') == []


@pytest.mark.parametrize('kind', shares.KINDS)
def test_posix_files_share(kind, share, image, tmp_path):
    """The POSIX files test with a share as its root: it leaves nothing behind."""
    with qemu.Machine(image('guest/posix_files'), cmdline=f'root={kind}:host',
                      devices=share(kind).arguments) as machine:
        assert machine.exit_code(60) == 0, machine.text()
        assert 'PASS nothing is left behind' in machine.text()
    assert os.listdir(tmp_path / 'host') == []


@pytest.mark.parametrize('kind', shares.KINDS)
def test_read_tree(kind, share, image, tmp_path):
    """The guest reads the tree that the host made, and nothing else."""
    disks.sample_tree(str(tmp_path / 'host'))
    with qemu.Machine(image('guest/files'), cmdline=f'root={kind}:host',
                      devices=share(kind).arguments) as machine:
        assert machine.exit_code(60) == 0, machine.text()
        found = {line for line in machine.text().splitlines()
                 if line.startswith(('file ', 'directory ', 'link '))}
    assert found == disks.listing(str(tmp_path / 'host'))


@pytest.mark.parametrize('kind', shares.KINDS)
def test_read_only(kind, share, image, tmp_path):
    """Mounted read-only: nothing reaches the host."""
    with qemu.Machine(image('guest/posix_files'), cmdline=f'root={kind}:host rootflags=ro',
                      devices=share(kind).arguments) as machine:
        assert machine.exit_code(60) == 0, machine.text()
        assert 'SKIP writes: the root is read-only' in machine.text()
    assert os.listdir(tmp_path / 'host') == []


@pytest.mark.skipif(os.geteuid() != 0, reason='not root: QEMU cannot become somebody else')
def test_denied(share, image, tmp_path):
    """[P9-02]: the host's refusals reach the program as what they are."""
    devices = share('9p').arguments
    (tmp_path / 'host').chmod(0o755)
    for name, mode in ('secret', 0o600), ('readable', 0o644):
        (tmp_path / 'host' / name).write_text('text')
        (tmp_path / 'host' / name).chmod(mode)
    with qemu.Machine(image('guest/shares'), cmdline='root=none mount=9p:host:/host '
                      '-- /host denied', devices=devices + ['-runas', 'nobody']) as machine:
        assert machine.exit_code(60) == 0, machine.text()
    assert sorted(os.listdir(tmp_path / 'host')) == ['readable', 'secret']


def test_virtiofsd_is_killed(share, image, tmp_path):
    """[FS-03]: its host process dies under a guest that reads: calls fail with EIO, other
    files go on."""
    host = share('virtiofs')
    (tmp_path / 'host' / 'watched').write_text('something')
    with qemu.Machine(image('guest/shares'), devices=host.arguments, cmdline='root=none '
                      'share_timeout=2 mount=virtiofs:host:/host -- /host watch') as machine:
        machine.wait('watched: errno 0')
        host.kill()
        machine.wait('watched: errno 5', 60)
        machine.wait('alive')


def test_virtiofsd_is_silent(share, image, tmp_path):
    """[FS-03]: its host process answers nothing for too long: the device is reset, files that
    were open are lost; when it answers again, the guest begins a new session."""
    host = share('virtiofs')
    (tmp_path / 'host' / 'watched').write_text('something')
    with qemu.Machine(image('guest/shares'), devices=host.arguments, cmdline='root=none '
                      'share_timeout=2 mount=virtiofs:host:/host -- /host watch') as machine:
        machine.wait('watched: errno 0')
        host.process.send_signal(signal.SIGSTOP)
        machine.wait('fs0 is broken', 60)
        host.process.send_signal(signal.SIGCONT)
        machine.wait('watched: errno', 60)
        machine.wait('watched: errno 0', 60)
        (tmp_path / 'host' / 'end').touch()
        machine.wait('the end was seen', 60)
        assert machine.exit_code() == 0


@pytest.mark.parametrize('kind', shares.KINDS)
def test_share_is_served(kind, share, image, tmp_path):
    """httpd serves the host's folder, also what is put there later."""
    port = free_port()
    host = share(kind, memory='256M')
    http_checks.make_site(tmp_path / 'host')
    devices = host.arguments + test_httpd.user_network(port)
    with test_httpd.server(image, devices, cmdline=f'net=dhcp root={kind}:host') as machine:
        test_httpd.await_server(machine, port)
        for check in http_checks.CHECKS:
            test_httpd.run_check(machine, check, port, str(tmp_path / 'host'))
        (tmp_path / 'host' / 'later.txt').write_text('put there later')
        assert b'put there later' in http_checks.ask('127.0.0.1', port, '/later.txt').body


@pytest.mark.parametrize('kind', shares.KINDS)
def test_unplugged(kind, share, image, tmp_path):
    """A share that is taken out under a guest that reads: calls fail with ENODEV, other files
    go on."""
    host = share(kind, ',id=it,bus=rp0')
    (tmp_path / 'host' / 'watched').write_text('something')
    port = ['-device', 'pcie-root-port,id=rp0,chassis=1,slot=1']
    with qemu.Machine(image('guest/shares'), devices=port + host.arguments,
                      cmdline=f'root=none mount={kind}:host:/host -- /host watch') as machine:
        machine.wait('watched: errno 0')
        machine.qmp('device_del', id='it')
        machine.wait('watched: errno 19', 60)
        machine.wait('alive')
        machine.wait(r'"DEVICE_DELETED".*"device": "it".*\n', 60, stream='qmp')


def test_no_such_share(share, image, tmp_path):
    """[FS-04]: a tag that no device has is an error of the mount, not more."""
    with qemu.Machine(image('guest/posix_files'),
                      cmdline='share_timeout=0 share_timeout=1x root=virtiofs:other',
                      devices=share('virtiofs').arguments) as machine:
        machine.wait('share_timeout= wants seconds')
        machine.wait('share_timeout= wants seconds')
        machine.wait('cannot mount virtiofs of other as root: there is no such')
        assert machine.exit_code(60) == 0, machine.text()
