# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers

"""Many clients at once, and slow ones."""

import concurrent.futures
import socket
import time

from .client import WAIT, Client, ask, expect
from .site import site_file


# ---- many at once ----------------------------------------------------------------------

def open_many(host, port, connections):
    """Connections that are all open and accepted: each has had an answer. One after the other,
    as a forwarder in between may queue few that it has not accepted."""
    clients = []
    for _ in range(connections):
        clients.append(Client(host, port))
        expect(clients[-1].ask("/one.bin").body, b"x")
    return clients


def check_parallel(host, port, folder, connections=200):
    """All connections are open at once, and all ask before the first answer is read."""
    names = ["hello.txt", "small.bin", "data.bin", "middle.bin", "list/"]
    clients = open_many(host, port, connections)
    try:
        for round_ in range(2):
            for i, client in enumerate(clients):
                client.send("GET /%s HTTP/1.1\r\nHost: h\r\n\r\n" % names[(i + round_) % len(names)])
            for i, client in enumerate(clients):
                name = names[(i + round_) % len(names)]
                answer = client.answer()
                expect(answer.status, 200, name)
                if not name.endswith("/"):
                    assert answer.body == site_file(folder, name), name
    finally:
        for client in clients:
            client.socket.close()


def check_parallel_big(host, port, folder, connections=8):
    """Large files to several clients that read at the same time."""
    wanted = site_file(folder, "big.bin")
    with concurrent.futures.ThreadPoolExecutor(connections) as pool:
        bodies = pool.map(lambda _: ask(host, port, "/big.bin").body, range(connections))
        assert all(body == wanted for body in bodies)


def check_slow_reader(host, port, folder):
    """One client that does not read keeps nobody else waiting, and gets all in the end."""
    with Client(host, port) as slow:
        slow.send(b"GET /big.bin HTTP/1.1\r\nHost: h\r\n\r\n" * 3)
        time.sleep(0.2)
        begin = time.monotonic()
        expect(ask(host, port, "/hello.txt").status, 200)
        assert time.monotonic() - begin < WAIT / 2
        for _ in range(3):
            assert slow.answer().body == site_file(folder, "big.bin")


# ---- deadlines -------------------------------------------------------------------------

def check_idle_closed(host, port, folder, timeout):
    """An idle connection is closed without a word after the timeout, not before."""
    with Client(host, port) as client:
        client.ask("/hello.txt")
        begin = time.monotonic()
        assert client.closed()
        assert timeout * 0.7 < time.monotonic() - begin < timeout + WAIT / 2


def check_drip(host, port, folder, timeout):
    """A request that drips in is cut off with 408 when its time is over, however busy it looks."""
    with Client(host, port) as client:
        begin = time.monotonic()
        client.send("GET / HTTP/1.1\r\n")
        client.socket.settimeout(0.1)
        while time.monotonic() - begin < timeout + WAIT / 2:
            try:
                client.send("X: y\r\n")
                if not client.more():
                    break
            except socket.timeout:
                continue
            except (BrokenPipeError, ConnectionResetError):
                break
        client.socket.settimeout(WAIT)
        assert timeout * 0.7 < time.monotonic() - begin < timeout + WAIT / 2
        expect(client.answer().status, 408)


def check_many_slow(host, port, folder, timeout, connections=100):
    """A hundred half requests hold up nobody, and all are cut off."""
    clients = open_many(host, port, connections)
    try:
        for client in clients:
            client.send("GET / HTTP/1.1\r\nHost: h\r\n")
        expect(ask(host, port, "/hello.txt").status, 200)
        for client in clients:
            expect(client.answer().status, 408)
            assert client.closed()
    finally:
        for client in clients:
            client.socket.close()


CHECKS = [check_parallel, check_parallel_big, check_slow_reader]
SLOW_CHECKS = [check_idle_closed, check_drip, check_many_slow]
