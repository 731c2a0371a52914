# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers

"""Requests that are wrong, too large, or given up."""

import socket

from .client import Client, ask, ask_raw, expect


def check_methods(host, port, folder):
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"):
        answer = ask_raw(host, port, "%s / HTTP/1.1\r\nHost: h\r\n\r\n" % method)
        expect(answer.status, 405, method)
        expect(answer["Allow"], "GET, HEAD", method)
        expect(answer["Connection"], "close", method)
    for method in ("BREW", "get", "G"):
        expect(ask_raw(host, port, "%s / HTTP/1.1\r\nHost: h\r\n\r\n" % method).status, 501, method)
    with Client(host, port) as client:  # the answer comes through although a body was sent
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300000)
        expect(client.answer().status, 405)


def check_malformed(host, port, folder):
    ok = "GET / HTTP/1.1\r\nHost: h\r\n"
    for request, status in (
            ("GET /\r\n\r\n", 400), ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400), ("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400),
            (" GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400), ("GET / http/1.1\r\nHost: h\r\n\r\n", 400),
            ("GET / HTTP/11\r\nHost: h\r\n\r\n", 400), ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505), ("GET / HTTP/0.9\r\n\r\n", 505), ("PRI * HTTP/2.0\r\n\r\n", 505),
            (ok + "Host: again\r\n\r\n", 400), (ok + "No colon\r\n\r\n", 400), (ok + "Blank : x\r\n\r\n", 400),
            (ok + ": x\r\n\r\n", 400), (ok + "A: b\r\n folded\r\n\r\n", 400), (ok + "A: b\rc\r\n\r\n", 400),
            (ok + "A: b\0c\r\n\r\n", 400), ("GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n", 400), ("\x16\x03\x01\x02\x00\x01", 400),
            ("\0\0\0\0\r\n\r\n", 400), (ok + "Content-Length: x\r\n\r\n", 400), (ok + "Content-Length: -1\r\n\r\n", 400),
            (ok + "Content-Length: 1, 1\r\n\r\n", 400), (ok + "Content-Length:\r\n\r\n", 400),
            (ok + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
            (ok + "Content-Length: 999999999999999999999999\r\n\r\n", 413), (ok + "Content-Length: 100000000\r\n\r\n", 413),
            (ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411), (ok + "Transfer-Encoding: zip\r\n\r\n", 501),
            (ok + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400)):
        expect(ask_raw(host, port, request).status, status, repr(request))


def check_huge(host, port, folder):
    """Heads are bounded; what is allowed just works."""
    for request, status in (("GET /" + "a" * 20000 + " HTTP/1.1\r\nHost: h\r\n\r\n", 414),
                            ("GET /" + "a" * 5000 + " HTTP/1.1\r\nHost: h\r\n\r\n", 414),
                            ("GET / HTTP/1.1\r\nHost: h\r\nX: " + "b" * 20000 + "\r\n\r\n", 431),
                            ("GET / HTTP/1.1\r\nHost: h\r\n" + "X: y\r\n" * 5000 + "\r\n", 431),
                            ("G" * 100000, 414)):
        with Client(host, port) as client:
            try:
                client.send(request)
            except (BrokenPipeError, ConnectionResetError):
                pass
            expect(client.answer().status, status, request[:40])
    answer = ask(host, port, "/hello.txt", "X-Long: " + "c" * 7000)
    expect(answer.status, 200)
    answer = ask(host, port, "/hello.txt?" + "q" * 4000)
    expect(answer.status, 200)


def check_aborted(host, port, folder):
    """Clients that vanish at any point do no harm."""
    for data in (b"", b"GET", b"GET / HTTP/1.1\r\nHost: h\r\n", b"GET /big.bin HTTP/1.1\r\nHost: h\r\n\r\n",
                 b"GET /big.bin HTTP/1.1\r\nHost: h\r\n\r\n" * 20):
        for linger in (False, True):
            with Client(host, port) as client:
                client.send(data)
                if linger:  # closes with a reset
                    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    expect(ask(host, port, "/hello.txt").status, 200)


CHECKS = [check_methods, check_malformed, check_huge, check_aborted]
