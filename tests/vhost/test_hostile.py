# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""A back end that breaks the protocol, or its rings. In each case the program goes on
without that device or gets errors from it; it does not hang, and no sanitizer complains."""
import socket
import struct
import subprocess

import pytest

import backends
import fake

NEVER = (fake.GET_FEATURES, fake.GET_PROTOCOL_FEATURES, fake.GET_QUEUE_NUM, fake.GET_CONFIG)
SET = (fake.SET_OWNER, fake.SET_FEATURES, fake.SET_MEM_TABLE, fake.SET_VRING_NUM,
       fake.SET_VRING_BASE, fake.SET_VRING_ADDR, fake.SET_VRING_KICK, fake.SET_VRING_CALL,
       fake.SET_VRING_ENABLE)

SPOILED = {
    'closes': lambda answer: None,
    'another request': lambda answer: struct.pack('<I', 99) + answer[4:],
    'no reply': lambda answer: answer[:4] + struct.pack('<I', 1) + answer[8:],
    'another version': lambda answer: answer[:4] + struct.pack('<I', 6) + answer[8:],
    'too short': lambda answer: answer[:8] + struct.pack('<I', 7) + answer[12:19],
    'huge': lambda answer: answer[:8] + struct.pack('<I', 0xffffffff) + answer[12:],
    'empty': lambda answer: answer[:8] + struct.pack('<I', 0),
    'twice': lambda answer: answer + answer,
}


@pytest.mark.parametrize('how', SPOILED)
@pytest.mark.parametrize('request_number', NEVER + SET)
def test_a_spoiled_answer(folder, how, request_number):
    """Every message, answered wrongly in every way: the device is not used."""
    def spoil(request, payload, answer):
        return SPOILED[how](answer) if request == request_number and answer else answer

    with fake.Fake(folder, spoil) as back:
        result = backends.run('disktest', f'vhost-user=blk={back.socket}', '--', 'nothing',
                              kind='host-asan')
        # What is refused within the protocol may leave a disk of 0 sectors.
        assert result.returncode in (0, 3), result
        backends.clean(result, result.returncode)


@pytest.mark.parametrize('request_number', SET)
def test_a_refusal(folder, request_number):
    """The back end acknowledges with an error: FAILED, and no queue is used [INI-06]."""
    def spoil(request, payload, answer):
        refused = request == request_number and answer
        return fake.message(request, fake.u64(1)) if refused else answer

    with fake.Fake(folder, spoil) as back:
        result = backends.run('disktest', f'vhost-user=blk={back.socket}', kind='host-asan')
        assert 'it refuses request' in backends.clean(result, 3)


def test_features_refused(folder):
    """FEATURES_OK is read back; without it the device is not used [INI-05]."""
    def spoil(request, payload, answer):
        return fake.message(request, fake.u64(3)) if request == fake.GET_STATUS else answer

    with fake.Fake(folder, spoil, protocol=fake.CONFIG | fake.STATUS) as back:
        result = backends.run('disktest', f'vhost-user=blk={back.socket}', kind='host-asan')
        assert 'refuses the features' in backends.clean(result, 3)


def test_silence(folder):
    """No answer at all: the wait ends after some seconds [INI-04]."""
    def spoil(request, payload, answer):
        return b'' if request == fake.GET_FEATURES else answer

    with fake.Fake(folder, spoil) as back:
        result = backends.run('disktest', f'vhost-user=blk={back.socket}', kind='host-asan')
        assert 'it does not answer' in backends.clean(result, 3)


@pytest.fixture
def polling(folder):
    """A program that waits for the first of its reads, and the fake that has them."""
    with fake.Fake(folder) as back:
        process = subprocess.Popen(
            [backends.program('disktest', 'host-asan'), f'vhost-user=blk={back.socket}', '--',
             'poll'], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            assert backends.line(process) == b'polling\n'
            assert back.wait_for_kick(backends.SECONDS)
            yield process, back
        finally:
            process.kill()


def broke(process, gone=b'\nunplugged\n'):
    out, said = process.communicate(timeout=backends.SECONDS)
    assert b'Sanitizer' not in said and process.returncode == 0, said
    assert b'a read failed: ' in out and gone in out, out
    return said


def test_speaks_unasked(polling):
    process, back = polling
    back.link.sendall(fake.message(fake.GET_CONFIG, b'x' * 100))
    assert b'it speaks without being asked' in broke(process)


@pytest.mark.parametrize('element, index, violated', (
    ((0, 0), 0x4000, b'used index'),          # more than was ever there [VQ-16]
    ((0xfffffff0, 0), 1, b'used id'), # a buffer of another number [VQ-15]
))
def test_a_lie_in_the_ring(polling, element, index, violated):
    """The queue is stopped and started anew, and its requests are issued again
    [VQ-26]; when the back end goes away they fail."""
    process, back = polling
    memory = back.memory()
    at = back.used()
    memory[at + 4:at + 12] = struct.pack('<II', *element)
    memory[at + 2:at + 4] = struct.pack('<H', index)
    back.call()
    backends.wait_until(lambda: back.seen.count(fake.SET_VRING_KICK) == 2, 'it is started again')
    assert back.seen.count(fake.GET_VRING_BASE) == 1
    assert back.wait_for_kick(backends.SECONDS)
    back.link.shutdown(socket.SHUT_RDWR)
    said = broke(process)
    assert violated in said, said


def test_it_keeps_the_ring(folder):
    """A back end that does not let go of a ring is not believed to have been reset: its
    memory is not used for anything else, and the device stays out of service [INI-04]."""
    def spoil(request, payload, answer):
        stop = request == fake.SET_VRING_ENABLE and payload[4:5] == b'\0'
        return fake.message(request, fake.u64(1)) if stop else answer

    with fake.Fake(folder, spoil) as back:
        process = subprocess.Popen(
            [backends.program('disktest', 'host-asan'), f'vhost-user=blk={back.socket}', '--',
             'poll'], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            assert backends.line(process) == b'polling\n'
            assert back.wait_for_kick(backends.SECONDS)
            at = back.used()
            back.memory()[at + 2:at + 4] = struct.pack('<H', 0x4000)
            back.call()
            said = broke(process, b'')
            assert b'does not even reset' in said, said
            assert back.seen.count(fake.SET_VRING_KICK) == 1
        finally:
            process.kill()


def test_interrupts_for_nothing(polling):
    """Spurious interrupts are harmless [VQ-14]; then it goes away."""
    process, back = polling
    for _ in range(1000):
        back.call()
    assert process.poll() is None
    back.link.shutdown(socket.SHUT_RDWR)
    broke(process)


@pytest.mark.parametrize('acknowledged', (False, True))
def test_the_disk_grows(folder, kind, acknowledged):
    """A message of the back end's own says that the configuration changed; what can
    change is read again [CFG-07]."""
    flags = fake.VERSION | (fake.NEED_REPLY if acknowledged else 0)
    with fake.Fake(folder) as back:
        process = subprocess.Popen(
            [backends.program('disktest', kind), f'vhost-user=blk={back.socket}', '--', 'size'],
            stdout=subprocess.PIPE)
        try:
            assert back.wait_for_kick(backends.SECONDS)
            back.serve_one(0)  # its serial number
            assert backends.line(process) == b'8192 sectors\n'
            answer = back.change_config(16384, flags)
            assert not acknowledged or answer == fake.message(fake.CONFIG_CHANGE, fake.u64(0))
            assert backends.line(process) == b'16384 sectors\n'
            back.change_config(2048)
            assert backends.line(process) == b'2048 sectors\n'
            assert process.wait(backends.SECONDS) == 0
        finally:
            process.kill()


def test_end_of_order(folder):
    """At the end each ring is stopped, which only the back end can confirm, before its
    memory is given back [INI-09] [INI-14]."""
    with fake.Fake(folder) as back:
        result = backends.run('disktest', f'vhost-user=blk={back.socket}', '--', 'nothing',
                              kind='host-asan')
        backends.clean(result)
        back.thread.join(backends.SECONDS)
        assert back.seen[-1] == fake.GET_VRING_BASE
        assert back.seen.index(fake.SET_FEATURES) < back.seen.index(fake.SET_MEM_TABLE) < \
            back.seen.index(fake.SET_VRING_KICK) < back.seen.index(fake.SET_VRING_ENABLE)
