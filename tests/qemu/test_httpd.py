# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""apps/httpd as `make run` boots it: the disk's files over HTTP, the shell on the virtio
console. The checks of the server are those it passes on Linux (tests/http_checks)."""
import contextlib
import os
import socket
import subprocess
import sys
import time

import pytest

import disks
import http_checks
import qemu
from test_rows import free_port

CMDLINE = 'log=info net=dhcp root=vda'


def drive(image, options=''):
    # snapshot: several machines may have the same disk, and none changes it.
    return ['-drive', f'if=none,id=root,format=raw,snapshot=on,file={image}{options}',
            '-device', 'virtio-blk-pci,drive=root']


def user_network(port, options='', card='', guest_port=80):
    return ['-netdev', f'user,id=n0,hostfwd=tcp:127.0.0.1:{port}-:{guest_port}{options}',
            '-device', f'virtio-net-pci,netdev=n0,id=card0{card}']


@contextlib.contextmanager
def server(image, devices, arguments='-p 80 /', cmdline=CMDLINE, **kw):
    """A machine with httpd that says it serves."""
    kw.setdefault('console', True)
    kw.setdefault('memory', '256M')
    with qemu.Machine(image('httpd'), cmdline=f'{cmdline} -- {arguments}', devices=devices,
                      **kw) as machine:
        machine.wait(r'httpd: serving')
        yield machine


def await_server(machine, port, seconds=20):
    """QEMU accepts connections before the guest has its address: asks until it answers."""
    end = time.monotonic() + seconds * qemu.PATIENCE
    while True:
        try:
            return http_checks.ask('127.0.0.1', port, '/')
        except (OSError, AssertionError, EOFError):
            if time.monotonic() > end:
                machine.fail('no answer by HTTP')
            machine.run_for(0.1)


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    """The folder of the checks, and a disk of it."""
    folder = tmp_path_factory.mktemp('site')
    http_checks.make_site(folder)
    return folder, disks.ext4_of(str(folder), str(tmp_path_factory.mktemp('disk') / 'ext4'))


@pytest.fixture(scope='module')
def running(site):
    """One server for all the quick checks."""
    port = free_port()
    devices = drive(site[1]) + user_network(port) + ['-device', 'virtio-rng-pci']
    path = os.path.join(qemu.ROOT, 'build/httpd.elf')
    if not os.path.exists(path):
        pytest.fail('build/httpd.elf is not built')
    with server(lambda name: path, devices) as machine:
        await_server(machine, port)
        yield machine, port


def run_check(machine, check, *arguments):
    """Runs a check in this thread, and says what the guest said if it fails."""
    try:
        check('127.0.0.1', *arguments)
    except (AssertionError, OSError) as error:
        machine.run_for(0.1)
        machine.fail(f'{check.__name__}: {type(error).__name__}: {error}')
    machine.run_for(0.01)
    if machine.process.poll() is not None:
        machine.fail('the guest has ended')


@pytest.mark.parametrize('check', http_checks.CHECKS, ids=lambda c: c.__name__)
def test_check(check, running, site):
    machine, port = running
    run_check(machine, check, port, str(site[0]))


@pytest.mark.parametrize('check', http_checks.SLOW_CHECKS, ids=lambda c: c.__name__)
def test_slow_check(check, site, image):
    port = free_port()
    with server(image, drive(site[1]) + user_network(port), '-p 80 -t 2 /') as machine:
        await_server(machine, port)
        run_check(machine, check, port, str(site[0]), 2)


VARIANTS = {
    'legacy': (',disable-modern=on,disable-legacy=off', {}),
    'modern': (',disable-legacy=on,disable-modern=off', {}),
    'intx': (',vectors=0', {}),
    'plain-ring': (',event_idx=off,indirect_desc=off', {}),
    'pc': ('', {'machine': 'pc'}),
    'bios': ('', {'door': 'bios'}),
    'uefi': ('', {'door': 'uefi', 'timeout': 40}),
    'qemu64': ('', {'cpu': 'qemu64'}),
    '1G': ('', {'memory': '1G'}),
    '8G': ('', {'memory': '8G'}),
    '32M': ('', {'memory': '32M'}),
}


@pytest.mark.parametrize('variant', VARIANTS)
def test_variant(variant, site, image):
    options, machine_words = VARIANTS[variant]
    if machine_words.get('door') == 'uefi' and not qemu.ovmf():
        pytest.skip('no UEFI firmware here (package ovmf)')
    port = free_port()
    devices = [word + options if word.startswith('virtio-') else word
               for word in drive(site[1]) + user_network(port)]
    with server(image, devices, **machine_words) as machine:
        await_server(machine, port)
        for check in (http_checks.check_get, http_checks.check_parallel_big):
            run_check(machine, check, port, str(site[0]))


def test_shell(running):
    """The status shell on the virtio console, by its commands."""
    machine, _ = running
    for command, answer in (('help', 'poweroff'), ('devices', 'virtio|net0'),
                            ('queues', 'kicks'), ('net', r'10\.0\.2\.15'), ('mem', '[0-9]'),
                            ('threads', 'main'), ('nonsense', '(?i)unknown|no such|not')):
        machine.send(command + '\r')
        machine.wait(answer, stream='console')


def test_poweroff(site, image):
    port = free_port()
    with server(image, drive(site[1]) + user_network(port)) as machine:
        machine.send('poweroff\r')
        assert machine.exit_code() == 0


def test_poweroff_without_debug_exit(site, image):
    """With no isa-debug-exit the machine goes off by ACPI."""
    port = free_port()
    with server(image, drive(site[1]) + user_network(port), debug_exit=False) as machine:
        machine.send('poweroff\r')
        assert machine.wait_end() == 0


def await_carrier(machine, there):
    """Asks the shell until it says that the cable is in, or is not."""
    end = time.monotonic() + machine.timeout
    while time.monotonic() < end:
        machine.send('net\r')
        line = machine.wait(r'^net0: .*', stream='console')[0]
        if (b'no carrier' not in line) == there:
            return
        machine.run_for(0.1)
    machine.fail(f'the guest does not see that the cable is {"in" if there else "out"}')


def test_cable(running, site):
    """The cable is pulled and put back: the guest sees it, and serves again."""
    machine, port = running
    machine.qmp('set_link', name='card0', up=False)
    await_carrier(machine, False)
    with pytest.raises((OSError, AssertionError, EOFError)):
        with socket.create_connection(('127.0.0.1', port), timeout=2) as s:
            s.settimeout(2)
            s.sendall(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
            if not s.recv(1):
                raise EOFError
    machine.qmp('set_link', name='card0', up=True)
    await_carrier(machine, True)
    await_server(machine, port)
    run_check(machine, http_checks.check_get, port, str(site[0]))


def test_make_run(site, tmp_path):
    """tools/run itself: disk from a folder, port, typed poweroff, exit status."""
    port = free_port()
    iso = tmp_path / 'httpd.iso'
    qemu.make_iso(os.path.join(qemu.ROOT, 'build/httpd.elf'), str(iso),
                  f'{CMDLINE} -- -p 80 /')
    with subprocess.Popen([sys.executable, os.path.join(qemu.ROOT, 'tools/run'), '--www',
                           str(site[0]), '--port', str(port), '--work', str(tmp_path), str(iso)],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as run:
        end = time.monotonic() + 60 * qemu.PATIENCE
        body = None
        while body is None and run.poll() is None and time.monotonic() < end:
            try:
                body = http_checks.ask('127.0.0.1', port, '/hello.txt').body
            except (OSError, AssertionError, EOFError):
                time.sleep(0.2)
        try:
            output = run.communicate(b'poweroff\r', timeout=20 * qemu.PATIENCE)[0].decode()
        except subprocess.TimeoutExpired:
            run.kill()
            output = run.communicate()[0].decode()
        assert body == http_checks.site_file(str(site[0]), 'hello.txt'), output
        assert run.returncode == 0, output
    assert f'curl http://localhost:{port}/' in output and 'httpd: serving' in output
    assert output.count('httpd: serving') == 1, output
    assert 'warning' not in output, output  # an orderly end is nothing to warn of
