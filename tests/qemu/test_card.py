# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""The network card's features on a tap: queues, hashes, filters, announcements, its link."""
import os
import socket
import struct
import threading
import time

import pytest

import checks
import qemu
from test_tap import MAC, await_ping, echo_much, ip, machine, tap  # noqa: F401

ETHERTYPE = 0x88b5  # for local experiments


@pytest.fixture
def wide_tap(private_network):
    """A tap with several queues."""
    worker = int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])
    name, net = f'mtap{worker}', f'10.79.{worker}'
    ip(f'tuntap add dev {name} mode tap vnet_hdr multi_queue')
    try:
        ip(f'addr add {net}.1/24 dev {name}')
        ip(f'link set {name} up')
        yield name, f'{net}.1', f'{net}.2'
    finally:
        ip(f'tuntap del dev {name} mode tap multi_queue')


def wide_machine(image, tap, variant, cmdline, program='guest/card'):  # noqa: F811
    return qemu.Machine(
        image(program), cmdline=cmdline, devices=[
            '-netdev', f'tap,id=n0,ifname={tap[0]},script=no,downscript=no,queues=4',
            '-device', 'virtio-net-pci,netdev=n0,id=card0,mq=on,vectors=10,'
                       f'mac={MAC}{variant}'])


def card(image, tap, words, variant=''):  # noqa: F811
    return machine(image, tap, variant, cmdline=f'-- {words}', program='guest/card')


def frame(text, to=MAC, kind=ETHERTYPE):
    body = text.ljust(46, b'.')
    return (bytes.fromhex(to.replace(':', '')) + bytes.fromhex('020000000001') +
            struct.pack('!H', kind) + body)


def packet_socket(tap):  # noqa: F811
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((tap[0], 0))
    return s


def exchange(m, tap, data):  # noqa: F811
    """The frame comes back with its addresses exchanged."""
    wanted = data[6:12] + data[:6] + data[12:]
    with packet_socket(tap) as s:
        s.settimeout(1)
        end = time.monotonic() + m.timeout
        s.send(data)
        while time.monotonic() < end:
            try:
                if s.recv(65536) == wanted:
                    return
            except socket.timeout:
                s.send(data)
    m.fail('the frame does not come back')


def finish(m, tap):  # noqa: F811
    with packet_socket(tap) as s:
        s.send(frame(b'end'))
    assert m.exit_code() == 0


def udp_frame(tap, port):  # noqa: F811
    def address(text):
        return socket.inet_aton(text)
    payload = b'x' * 20
    udp = struct.pack('!HHHH', port, 9, 8 + len(payload), 0) + payload
    head = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0)
    return frame(head + address(tap[1]) + address(tap[2]) + udp, kind=0x0800)


def test_queues(wide_tap, image):
    """[NET-21] [NET-29] Four pairs, streams on all of them."""
    address = (wide_tap[2], 7)
    with wide_machine(image, wide_tap, '', f'net={wide_tap[2]}/24 net_queues=4 log=info',
                      'guest/echo') as m:
        m.wait('4 queue pairs, 4 to send by')
        m.wait('^SERVING')
        await_ping(m, wide_tap[2])
        threads = [threading.Thread(target=echo_much, args=(address, 1 << 19, i, m.timeout))
                   for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        checks.echo_at(m, address)
        assert m.exit_code() == 0


def test_steering(wide_tap, image):
    """[NET-30] RSS over four queues: flows come in by all, and go out by all."""
    with wide_machine(image, wide_tap, ',rss=on', 'net_queues=4 -- hash') as m:
        m.wait('^card: .* queues 4 4 ')
        m.wait('^hash: types 0x1ff key 40 table 128 steering 1 reporting 0')
        m.wait('^set hash: 0')
        m.wait('^READY')
        for port in range(1000, 1016):
            exchange(m, wide_tap, udp_frame(wide_tap, port))
        finish(m, wide_tap)


@pytest.mark.parametrize('also', ['', ',rss=on'])
def test_hashes(also, tap, image):  # noqa: F811
    """[NET-01] [NET-20] [NET-31] Each flow has its hash, with or without steering."""
    with card(image, tap, 'hash', ',hash=on' + also) as m:
        m.wait(f'^hash: .* steering {int(bool(also))} reporting 1')
        m.wait('^set hash: 0')
        m.wait('^READY')
        exchange(m, tap, udp_frame(tap, 1000))
        first = m.wait(r'^frame: .* hash (0x[0-9a-f]+) kind 3\n').group(1)
        exchange(m, tap, udp_frame(tap, 1001))
        second = m.wait(r'^frame: .* hash (0x(?!' + first[2:].decode() + r')[0-9a-f]+) kind 3\n')
        assert second.group(1) != first
        finish(m, tap)


def test_filters(tap, image):  # noqa: F811
    """[NET-25] [NET-26] [NET-27] What the device holds is what it was told."""
    with card(image, tap, 'lists mac vlan=7 vlan=100') as m:
        for what in ('unicast', 'multicast', 'mac', 'vlan', 'vlan'):
            m.wait(f'^{what}: 0')
        m.wait('^READY')
        held = m.qmp('query-rx-filter', name='card0')[0]
        assert held['main-mac'] == '02:00:00:00:00:09'
        assert sorted(held['unicast-table']) == ['02:01:01:01:01:01', '02:02:02:02:02:02']
        assert sorted(held['multicast-table']) == [f'01:00:5e:00:00:0{i}' for i in (1, 2, 3)]
        assert sorted(held['vlan-table']) == [7, 100]
        # Promiscuous is what the device starts with, so that a driver without filters works.
        exchange(m, tap, frame(b'hello', to='02:00:00:00:00:09'))
        with packet_socket(tap) as s:
            s.send(frame(b'end', to='02:00:00:00:00:09'))
        assert m.exit_code() == 0


def test_modes(tap, image):  # noqa: F811
    """[NET-24] All modes are taken where the device has them; without ctrl_rx none is sent."""
    with card(image, tap, 'modes') as m:
        for _ in range(6):
            m.wait('^mode: 0')
        m.wait('^promiscuous off: 0')
        m.wait('^READY')
        held = m.qmp('query-rx-filter', name='card0')[0]
        assert not held['promiscuous']
        assert held['unicast'] == 'none' and held['multicast'] == 'none'
    with card(image, tap, 'modes lists', ',ctrl_rx=off,ctrl_rx_extra=off') as m:
        for _ in range(6):
            m.wait('^mode: -95')
        m.wait('^unicast: -95')
        m.wait('^READY')
        exchange(m, tap, frame(b'hello'))
        finish(m, tap)


def test_without_control_queue(tap, image):  # noqa: F811
    """Everything that needs one says so; frames flow."""
    with card(image, tap, 'hash lists mac vlan=7 large=off coalesce', ',ctrl_vq=off') as m:
        for what in ('hash info', 'unicast', 'multicast', 'mac', 'vlan', 'large off', 'coalesce'):
            m.wait(f'^{what}: -95')
        m.wait('^READY')
        exchange(m, tap, frame(b'hello'))
        finish(m, tap)


@pytest.mark.parametrize('also', ['', ',guest_rsc_ext=on'])
def test_offloads_switched_off(also, tap, image):  # noqa: F811
    """[NET-32] The device takes what was negotiated, and merges no more."""
    with card(image, tap, 'large=off', also) as m:
        m.wait('^large off: 0')
        m.wait('^READY')
        exchange(m, tap, frame(b'hello'))
        finish(m, tap)


def test_what_it_says(tap, image):  # noqa: F811
    """[NET-05] [NET-07] MTU, speed and duplex; its link goes and comes [NET-04]."""
    with card(image, tap, '', ',host_mtu=1400,speed=10000,duplex=full') as m:
        m.wait('^card: mtu 1400 speed 10000 full queues 1 1 link up')
        m.wait('^READY')
        finish(m, tap)


def test_link(tap, image):  # noqa: F811
    """[NET-04] [CFG-07] The stack follows the link."""
    with machine(image, tap, cmdline=f'net={tap[2]}/24 log=info') as m:
        m.wait('^SERVING')
        await_ping(m, tap[2])
        m.qmp('set_link', name='n0', up=False)
        m.wait('net0: link down')
        m.qmp('set_link', name='n0', up=True)
        m.wait('net0: link up')
        await_ping(m, tap[2])
        checks.echo_at(m, (tap[2], 7))
        assert m.exit_code() == 0


def test_announcement(tap, image):  # noqa: F811
    """[NET-28] The host asks for it, and sees who has the address."""
    with machine(image, tap) as m:
        m.wait('^SERVING')
        await_ping(m, tap[2])
        wanted = socket.inet_aton(tap[2])
        with packet_socket(tap) as s:
            s.settimeout(1)
            m.qmp('announce-self', initial=50, max=100, rounds=3, step=10)
            end = time.monotonic() + m.timeout
            while True:
                try:
                    got = s.recv(65536)
                except socket.timeout:
                    got = b''
                if got[12:14] == b'\x08\x06' and got[28:32] == wanted == got[38:42]:
                    break
                if time.monotonic() > end:
                    m.fail('no announcement')
        checks.echo_at(m, (tap[2], 7))
        assert m.exit_code() == 0


def test_comes_and_goes(tap, image):  # noqa: F811
    """A card that is plugged in is used, one that is pulled out takes its connections with
    it; all again."""
    config = f'net={tap[2]}/24'
    with qemu.Machine(image('guest/echo'), cmdline=f'{config} {config} log=info', devices=[
            '-device', 'pcie-root-port,id=rp0,chassis=1,slot=1',
            '-netdev', f'tap,id=n0,ifname={tap[0]},script=no,downscript=no']) as m:
        m.wait('^SERVING')
        for turn in range(2):
            m.qmp('device_add', driver='virtio-net-pci', id='it', netdev='n0', bus='rp0',
                  mac=MAC)
            m.wait(r'net\d: 52:54:00')
            await_ping(m, tap[2])
            with socket.create_connection((tap[2], 7), timeout=m.timeout) as s:
                s.sendall(b'before')
                assert checks.receive(s, 6) == b'before'
                if turn == 1:
                    break
                m.qmp('device_del', id='it')
                m.wait(r'net\d: removed')
                m.wait(r'"DEVICE_DELETED".*"device": "it".*\n', stream='qmp')
                m.run_for(1.5)
        checks.echo_at(m, (tap[2], 7))
        assert m.exit_code() == 0
