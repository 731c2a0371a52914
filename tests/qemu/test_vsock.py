# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""AF_VSOCK in a guest, with a device of our own behind QEMU's vhost-user-vsock-pci
(requirements VSK)."""
import contextlib

import pytest

import qemu
import vhost_user
import vsock


@contextlib.contextmanager
def guest(image, tmp_path, mode, device=None, **options):
    device = device or vsock.Vsock(str(tmp_path / 'backend'), **options)
    device.start()
    arguments = vhost_user.arguments('vhost-user-vsock-pci', tmp_path / 'backend')
    with qemu.Machine(image('guest/vsock'), cmdline=f'log=info -- {mode}',
                      devices=arguments) as machine:
        device.machine = machine
        yield device, machine
        device.stop()
        assert device.failure is None


def pattern(count):
    return bytes((i * 31 >> 3) & 255 for i in range(200000)) * (count // 200000 + 1)


def test_echo(image, tmp_path):
    """The guest connects, bytes go both ways, and the end is clean [VSK-01] [VSK-02]
    [VSK-04] [VSK-07]."""
    sent = pattern(300000)[:300000]
    left = bytearray(sent)

    def feed(connection, _):
        while left and connection and connection.open:
            n = min(connection.credit(), 4000, len(left))
            if n <= 0:
                return
            connection.send(vsock.RW, bytes(left[:n]))
            del left[:n]

    with guest(image, tmp_path, 'echo', on_packet=feed, listening=[1234]) as (device, machine):
        device.wait(lambda: device.connections)
        connection = next(iter(device.connections.values()))
        device.wait(lambda: len(connection.data) == len(sent))
        assert bytes(connection.data) == sent
        device.run_soon(lambda: connection.send(vsock.SHUTDOWN,
                                                flags=vsock.NO_RECEIVE | vsock.NO_SEND))
        machine.wait('^echoed 300000 bytes')
        device.wait(lambda: vsock.RST in connection.log)
        assert connection.log.count(vsock.RST) == 1
        assert machine.exit_code() == 0


def test_credit_updates_are_batched(image, tmp_path):
    """Fewer updates than packets: only when what we see falls under half [VSK-11]."""
    total = 1 << 20
    left = [total]

    def feed(connection, _):
        while left[0] and connection and connection.open:
            n = min(connection.credit(), 4000, left[0])
            if n <= 0:
                return
            connection.send(vsock.RW, bytes(n))
            left[0] -= n

    # The echo is not read, so that no data of the guest's carry its counters.
    with guest(image, tmp_path, 'echo', on_packet=feed, listening=[1234],
               buf_alloc=1 << 21) as (device, machine):
        device.wait(lambda: device.connections)
        connection = next(iter(device.connections.values()))
        device.wait(lambda: connection.received == total)
        assert connection.log.count(vsock.CREDIT_UPDATE) <= 3 * total // (1 << 18)


def test_serve(image, tmp_path):
    """The host connects, three times. (QEMU 7.2 lets no SEQPACKET through.)"""
    with guest(image, tmp_path, 'serve') as (device, machine):
        machine.wait('^listening')
        for port in (5001, 5002, 5003):
            connection = device.connect(4000, port)
            device.wait(lambda: connection.open)
            machine.wait(f'^connection from 2 port {port}')
            device.run_soon(lambda: connection.send(vsock.RW, b'first half'))
            device.run_soon(lambda: connection.send(vsock.RW, b'second'))
            device.wait(lambda: bytes(connection.data) == b'first halfsecond')
            device.run_soon(lambda: connection.send(vsock.SHUTDOWN, flags=3))
            machine.wait('^echoed 16 bytes')
            device.wait(lambda: vsock.RST in connection.log)


def test_flow_control(image, tmp_path):
    """The guest sends no byte beyond our credit, which we give slowly [VSK-04]."""
    total, seen = 1000000, bytearray()
    device = vsock.Vsock(str(tmp_path / 'backend'), listening=[1234], buf_alloc=10000)
    device.reading = False

    def read():
        connection.read_count += len(connection.data)
        seen.extend(connection.data)
        connection.data.clear()
        connection.send(vsock.CREDIT_UPDATE)

    with guest(image, tmp_path, f'flood {total}', device) as (device, machine):
        device.wait(lambda: device.connections)
        connection = next(iter(device.connections.values()))
        while len(seen) < total:
            device.wait(lambda: connection.data)
            before = len(seen)
            device.run_soon(read)
            device.wait(lambda: len(seen) > before)
        assert bytes(seen) == pattern(total)[:total]
        device.run_soon(lambda: connection.send(vsock.SHUTDOWN, flags=3))
        machine.wait(f'^flooded {total}, then read 0')
        assert machine.exit_code() == 0


def test_receives_while_sending_is_stuck(image, tmp_path):
    """With our side of the transmit queue asleep, what we send is still taken, until the
    answers find no room: nothing is lost, and it goes on [VSK-06]."""
    with guest(image, tmp_path, 'serve') as (device, machine):
        machine.wait('^listening')
        device.stopped = True

        def knock():
            for port in range(9000, 9400):  # each is answered by RST: nobody listens there
                device.put(vsock.HEADER.pack(vsock.HOST, vsock.GUEST, port, 4444, 0,
                                             vsock.STREAM, vsock.REQUEST, 0, 65536, 0))
        device.run_soon(knock)
        machine.run_for(1)
        assert len(device.waiting) > 0, 'the guest takes in without end'
        device.stopped = False
        device.run_soon(lambda: device.handle(device.queues[1]))
        device.wait(lambda: len(device.stray) == 400)
        assert all(packet.op == vsock.RST for packet in device.stray)
        connection = device.connect(4000)
        device.wait(lambda: connection.open)


def test_errors(image, tmp_path):
    """What must fail, fails as on Linux."""
    class Silent(vsock.Vsock):
        def take(self, packet):
            if packet.dst_port != 10:
                super().take(packet)

    device = Silent(str(tmp_path / 'backend'), listening=[1234])
    with guest(image, tmp_path, 'errors', device) as (device, machine):
        machine.wait(f'^cid {vsock.GUEST}')
        assert machine.exit_code() == 0
        text = machine.text()
        assert f'name {vsock.GUEST} 6000' in text
        assert text.count(': right') == 23 and 'WRONG' not in text, text


def hostile(name, **packet):
    return pytest.param(packet, id=name)


@pytest.mark.parametrize('packet', [
    hostile('unknown type', type=7),
    hostile('unknown operation', op=99),
    hostile('request in a connection', op=vsock.REQUEST),
    hostile('response in a connection', op=vsock.RESPONSE),
    hostile('forwarded what was never sent', op=vsock.CREDIT_UPDATE, fwd_cnt=12345678),
    hostile('shrinking buffer', op=vsock.CREDIT_UPDATE, buf_alloc=0, fwd_cnt=0),
])
def test_lies(packet, image, tmp_path):
    """A packet that cannot be: the connection is reset, or it is answered by RST; the next
    connection works [VSK-03] [VSK-05]."""
    with guest(image, tmp_path, 'serve', buf_alloc=65536) as (device, machine):
        machine.wait('^listening')
        connection = device.connect(4000, 5001)
        device.wait(lambda: connection.open)
        if 'buf_alloc' in packet:  # something must be on its way
            connection.reading = False
            device.run_soon(lambda: connection.send(vsock.RW, b'hello'))
            device.wait(lambda: connection.received == 5)
        fields = dict(packet)
        device.run_soon(lambda: connection.send(fields.pop('op', vsock.CREDIT_UPDATE), **fields))
        device.wait(lambda: vsock.RST in connection.log or
                    any(p.op == vsock.RST for p in device.stray))
        # Never an answer to an RST.
        count = len(device.stray)
        device.run_soon(lambda: connection.send(vsock.RST, src_port=31337))
        machine.run_for(0.2)
        assert len(device.stray) == count
        if packet.get('type'):
            device.run_soon(lambda: connection.send(vsock.RST))
        again = device.connect(4000, 5002)
        device.wait(lambda: again.open)


def test_beyond_the_credit(image, tmp_path):
    """Data that the guest has no room for: reset [VSK-05]."""
    with guest(image, tmp_path, 'serve', buf_alloc=100) as (device, machine):
        machine.wait('^listening')
        connection = device.connect(4000, 5001)
        device.wait(lambda: connection.open)
        connection.reading = False

        def flood():
            for _ in range(2 * connection.guest_alloc // 4000):
                connection.send(vsock.RW, bytes(4000))
        device.run_soon(flood)
        device.wait(lambda: vsock.RST in connection.log)
        again = device.connect(4000, 5002)
        device.wait(lambda: again.open)


def test_short_packets(image, tmp_path):
    """Used lengths without a header's room, or with less payload than the header says: not
    taken [VSK-10]."""
    class Short(vsock.Vsock):
        def deliver(self):
            queue = self.queues[0]
            while self.waiting and self.memory and (chain := queue.pop()):
                data, written = self.waiting.popleft(), None
                if isinstance(data, tuple):
                    data, written = data
                filled = chain.fill(data)
                queue.push(chain, filled if written is None else written)
                queue.interrupt()

    device = Short(str(tmp_path / 'backend'))
    with guest(image, tmp_path, 'serve', device) as (device, machine):
        machine.wait('^listening')
        request = vsock.HEADER.pack(vsock.HOST, vsock.GUEST, 7000, 4000, 0, vsock.STREAM,
                                    vsock.REQUEST, 0, 65536, 0)
        claims = vsock.HEADER.pack(vsock.HOST, vsock.GUEST, 7000, 4000, 5000, vsock.STREAM,
                                   vsock.REQUEST, 0, 65536, 0)
        device.run_soon(lambda: [device.put((request, n)) for n in (0, 1, 43)] +
                        [device.put((claims, 44)), device.put((claims, 4096))])
        machine.run_for(0.5)
        assert not device.stray
        connection = device.connect(4000)
        device.wait(lambda: connection.open)
        machine.wait('^connection from 2')
        assert 'port 7000' not in machine.text()


def test_reserved_context_id(image, tmp_path):
    """A context id that cannot be a guest's is refused [VSK-02]."""
    for config in (b'\2' + bytes(7), bytes(8), b'\xff' * 8, b'\x2a\0\0\0\1\0\0\0'):
        path = tmp_path / f'backend{config.hex()}'
        device = vsock.Vsock(str(path))
        device.config = config
        device.start()
        with qemu.Machine(image('guest/vsock'), cmdline='log=info',
                          devices=vhost_user.arguments('vhost-user-vsock-pci', path)) as machine:
            machine.wait('the device gives us the context id')
            machine.wait('^no vsock: No such device')
            assert machine.exit_code() == 2
        device.stop()
