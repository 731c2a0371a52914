# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""The network on a tap of this host: the only back end of QEMU that offers checksum and
segmentation offload, and the only one that shows frames as they are."""
import os
import socket
import struct
import subprocess
import threading
import time

import pytest

import checks
import disks
import qemu

MAC = '52:54:00:12:34:56'
LINK_LOCAL = 'fe80::5054:ff:fe12:3456'  # of that MAC, RFC 4291 appendix A

VARIANTS = {
    'offloads': '',
    'legacy': ',disable-modern=on,disable-legacy=off',
    'modern': ',disable-legacy=on,disable-modern=off',
    'intx': ',vectors=0',
    'no-mergeable': ',mrg_rxbuf=off',
    'no-guest-tso': ',guest_tso4=off,guest_tso6=off,guest_ufo=off',
    'no-host-tso': ',host_tso4=off,host_tso6=off',
    'no-checksum': ',csum=off,gso=off,host_tso4=off,host_tso6=off,host_ecn=off,host_ufo=off,'
                   'guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off',
    'any-layout-off': ',disable-modern=on,disable-legacy=off,any_layout=off',
    'rsc': ',guest_rsc_ext=on',
    'no-control': ',ctrl_vq=off',
    'plain': ',csum=off,gso=off,host_tso4=off,host_tso6=off,host_ecn=off,host_ufo=off,'
             'guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off,'
             'mrg_rxbuf=off,event_idx=off,indirect_desc=off,ctrl_vq=off',
}


def ip(words):
    subprocess.run(['ip', *words.split()], check=True)


@pytest.fixture
def tap(private_network):
    """A tap and the network on it: (name, host's address, guest's address)."""
    worker = int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])
    name, net = f'tap{worker}', f'10.78.{worker}'
    ip(f'tuntap add dev {name} mode tap vnet_hdr')
    try:
        ip(f'addr add {net}.1/24 dev {name}')
        ip(f'link set {name} up')
        yield name, f'{net}.1', f'{net}.2'
    finally:
        ip(f'tuntap del dev {name} mode tap')


def machine(image, tap, variant='', cmdline=None, program='guest/echo', **kw):
    name, _, guest = tap
    return qemu.Machine(
        image(program), cmdline=cmdline or f'net={guest}/24', devices=[
            '-netdev', f'tap,id=n0,ifname={name},script=no,downscript=no',
            '-device', f'virtio-net-pci,netdev=n0,id=card0,mac={MAC}{variant}'], **kw)


def echo_much(address, size, seed, timeout):
    """Sends and takes back `size` bytes at once, in both directions at the same time."""
    data = os.urandom(1 << 16) * (size >> 16)
    with socket.create_connection(address, timeout=timeout) as s:
        sender = threading.Thread(target=s.sendall, args=(data,))
        sender.start()
        got = checks.receive(s, size)
        sender.join()
    assert got == data, f'{len(got)} of {size} bytes, or others ({seed})'


def ping(address, size, timeout=2):
    """One ICMP echo of `size` bytes; whether it was answered, as it must be."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
        body = os.urandom(size)
        packet = struct.pack('!BBHHH', 8, 0, 0, 99, size) + body
        total = sum(struct.unpack(f'!{len(packet + b"x") // 2}H',
                                  packet + b'\0' * (len(packet) % 2)))
        total = (total >> 16) + (total & 0xffff)
        total += total >> 16
        s.sendto(packet[:2] + struct.pack('!H', ~total & 0xffff) + packet[4:], (address, 0))
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            s.settimeout(max(0.01, end - time.monotonic()))
            try:
                answer = s.recv(65536)[20:]
            except (TimeoutError, socket.timeout):
                return False
            # An answer to an earlier one may still come; a wrong one is none.
            if answer[0] == 0 and answer[4:] == packet[4:]:
                return True
        return False


def await_ping(m, address, seconds=10):
    end = time.monotonic() + seconds * qemu.PATIENCE
    while not ping(address, 8, 0.5):
        if time.monotonic() > end:
            m.fail('no answer to a ping')
        m.run_for(0.1)


@pytest.mark.parametrize('variant', VARIANTS)
def test_streams(variant, tap, image):
    """Bytes in bulk, both ways, in large segments where the device takes them. [NET-10]
    [NET-13] [NET-15] [NET-16] [NET-35] [VQ-30]"""
    address = (tap[2], 7)
    with machine(image, tap, VARIANTS[variant]) as m:
        m.wait('^SERVING')
        await_ping(m, tap[2])
        for size in (0, 1, 17, 1000, 1472):
            if not ping(tap[2], size):
                m.fail(f'no answer to a ping of {size} bytes')
        try:
            echo_much(address, 4 << 20, 'one', m.timeout)
            threads = [threading.Thread(target=echo_much, args=(address, 1 << 20, i, m.timeout))
                       for i in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            checks.echo_at(m, address)
        except (OSError, AssertionError) as error:
            m.fail(f'{type(error).__name__}: {error}')
        assert m.exit_code() == 0


def test_ipv6(tap, image):
    """By its link-local address, which it makes of its MAC."""
    with machine(image, tap) as m:
        m.wait('^SERVING')
        await_ping(m, tap[2])
        scope = socket.if_nametoindex(tap[0])
        end = time.monotonic() + m.timeout
        while True:
            s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
            s.settimeout(3)
            try:
                s.connect((LINK_LOCAL, 7, 0, scope))
                break
            except OSError:  # both sides first see that nobody else has their address
                s.close()
                if time.monotonic() > end:
                    m.fail('no connection by IPv6')
                m.run_for(0.2)
        data = os.urandom(100000)
        s.settimeout(m.timeout)
        s.sendall(data)
        assert checks.receive(s, len(data)) == data
        s.close()


def test_flood(tap, image):
    """Datagrams faster than they can be taken, and bad frames: afterwards all goes on."""
    with machine(image, tap) as m:
        m.wait('^SERVING')
        await_ping(m, tap[2])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, \
                socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            udp.setblocking(False)
            end = time.monotonic() + 1
            while time.monotonic() < end:
                try:
                    udp.sendto(bytes(1000), (tap[2], 7))
                except BlockingIOError:
                    pass
            raw.bind((tap[0], 0))
            mac = bytes.fromhex(MAC.replace(':', ''))
            for length in (0, 1, 19, 20, 28, 60, 1486):
                for kind in (0x0800, 0x86dd, 0x0806, 0x8100, 0xffff, 5):
                    raw.send(mac + bytes(6) + struct.pack('!H', kind) + os.urandom(length))
                    raw.send(mac + bytes(6) + struct.pack('!H', kind) + b'\x45' * length)
        m.run_for(0.5)
        await_ping(m, tap[2])
        checks.echo_at(m, (tap[2], 7))
        assert m.exit_code() == 0


def test_no_answer_to_dhcp(tap, image):
    """Nobody gives it an address: the application starts all the same, and says so."""
    with machine(image, tap, cmdline='net=dhcp') as m:
        m.wait('^SERVING', 60)


def serve_names(s, names, ended):
    """Answers queries for addresses on the socket (RFC 1035 §4.1)."""
    s.settimeout(0.1)
    while not ended.is_set():
        try:
            query, peer = s.recvfrom(512)
        except socket.timeout:
            continue
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind, = struct.unpack_from('!H', query, at + 1)
        known = names.get('.'.join(labels))
        address = known.get(kind) if known else None
        status = 0x8180 if known else 0x8183  # an answer, or: no such name
        answer = struct.pack('!2sHHHHH', query[:2], status, 1, 1 if address else 0, 0, 0)
        answer += query[12:at + 5]
        if address:  # the name is that at offset 12
            answer += struct.pack('!HHHIH', 0xc00c, kind, 1, 60, len(address)) + address
        s.sendto(answer, peer)


@pytest.mark.parametrize('source', ['cmdline', 'file'])
def test_names(source, tap, image, tmp_path):
    """Names are asked of the server of /etc/resolv.conf, else of that on the command line."""
    a, aaaa = 1, 28
    names = {'both.test': {a: socket.inet_aton('192.0.2.7'),
                           aaaa: socket.inet_pton(socket.AF_INET6, '2001:db8::7')},
             'four.test': {a: socket.inet_aton('192.0.2.8')}}
    initrd, dns, four = None, tap[1], 'four.test'
    if source == 'file':
        (tmp_path / 'root/etc').mkdir(parents=True)
        (tmp_path / 'root/etc/resolv.conf').write_text(
            f'# {"long " * 100}\nsearch test\noptions timeout:9 ndots:2\n'
            f'nameserver  {tap[1]} # the host\nnameserver nonsense\n')
        initrd = disks.cpio_of(str(tmp_path / 'root'), str(tmp_path / 'initrd'))
        dns, four = '127.0.0.1', 'four'
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((tap[1], 53))
        ended = threading.Event()
        server = threading.Thread(target=serve_names, args=(s, names, ended))
        server.start()
        try:
            with machine(image, tap, program='guest/resolve', initrd=initrd,
                         cmdline=f'net={tap[2]}/24,dns={dns} -- both.test {four} '
                                 'none.test 192.0.2.9') as m:
                both = m.wait(r'^both.test: (.*)\n')
                m.wait(rf'^{four}: 192\.0\.2\.8\r?\n')
                m.wait(r'^none.test: Name does not resolve\r?\n')
                m.wait(r'^192\.0\.2\.9: 192\.0\.2\.9\r?\n')
                assert sorted(both.group(1).split()) == [b'192.0.2.7', b'2001:db8::7']
                assert m.exit_code() == 1  # of the one that is not there
        finally:
            ended.set()
            server.join()
