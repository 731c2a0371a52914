# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers

"""Connections that last, parts of files, conditions."""

import socket
import time

from .client import Client, ask, expect
from .site import site_file


# ---- persistence -----------------------------------------------------------------------

def check_persistent(host, port, folder):
    """One connection, many requests; errors about files do not end it."""
    with Client(host, port) as client:
        for _ in range(20):
            expect(client.ask("/hello.txt").body, site_file(folder, "hello.txt"))
            expect(client.ask("/nothing").status, 404)
            expect(client.ask("/big.bin").body, site_file(folder, "big.bin"))
            break
        expect(client.ask("/hello.txt")["Connection"], None)
        answer = client.ask("/hello.txt", "Connection: Close")
        expect(answer["Connection"], "close")
        assert client.closed()


def check_http10(host, port, folder):
    """HTTP/1.0 closes unless asked otherwise, and needs no Host."""
    body = site_file(folder, "hello.txt")
    with Client(host, port) as client:
        client.send("GET /hello.txt HTTP/1.0\r\n\r\n")
        answer = client.answer()
        expect(answer.body, body)
        expect(answer["Connection"], "close")
        assert client.closed()
    with Client(host, port) as client:
        for _ in range(2):
            client.send("GET /hello.txt HTTP/1.0\r\nConnection: foo, Keep-Alive\r\n\r\n")
            answer = client.answer()
            expect(answer.body, body)
            expect(answer["Connection"], "keep-alive")


def check_pipelined(host, port, folder):
    """Answers come in order, however many requests one packet holds."""
    names = ["hello.txt", "empty.bin", "small.bin", "nothing", "big.bin", "data.bin", "list/"] * 6
    names += ["hello.txt"] * 150
    with Client(host, port) as client:
        client.send("".join("GET /%s HTTP/1.1\r\nHost: h\r\n\r\n" % n for n in names))
        for name in names:
            answer = client.answer()
            expect(answer.status, 404 if name == "nothing" else 200, name)
            if not name.endswith("/") and name != "nothing":
                assert answer.body == site_file(folder, name), name


def check_pieces(host, port, folder):
    """A request may come in any pieces."""
    request = b"GET /hello.txt HTTP/1.1\r\nHost: h\r\nX-Filler: abc\r\n\r\n"
    with Client(host, port) as client:
        for step in (1, 2, 7, len(request) - 1):
            for at in range(0, len(request), step):
                client.send(request[at:at + step])
                time.sleep(0.002)
            expect(client.answer().body, site_file(folder, "hello.txt"), "pieces of %d" % step)
        client.send(b"\r\n\r\n" + request)  # empty lines before a request are passed over
        expect(client.answer().status, 200)
        client.send(request.replace(b"\r\n", b"\n"))
        expect(client.answer().status, 200)


def check_half_close(host, port, folder):
    """A client may stop sending before it reads."""
    with Client(host, port) as client:
        client.send("GET /big.bin HTTP/1.1\r\nHost: h\r\n\r\n")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.answer().body == site_file(folder, "big.bin")
        assert client.closed()


# ---- bodies of requests ----------------------------------------------------------------

def check_request_body(host, port, folder):
    """A body with GET is passed over; what follows it is the next request."""
    with Client(host, port) as client:
        for length in (1, 5000, 100000):
            client.send(b"GET /hello.txt HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % length)
            client.send(b"GET /nothing HTTP/1.1\r\n\r\n".ljust(length, b"x")[:length])
            expect(client.answer().status, 200)
        expect(client.ask("/one.bin").body, b"x")


# ---- ranges ----------------------------------------------------------------------------

def check_ranges(host, port, folder):
    """Every single range that has bytes in it is honoured exactly."""
    for name in ("data.bin", "big.bin"):
        data = site_file(folder, name)
        size = len(data)
        for text, first, last in (("0-0", 0, 0), ("0-99", 0, 99), ("5-", 5, size - 1), ("-1", size - 1, size - 1),
                                  ("-100", size - 100, size - 1), ("0-", 0, size - 1),
                                  ("%d-" % (size - 1), size - 1, size - 1), ("10-99999999999999999999999", 10, size - 1),
                                  ("-99999999", 0, size - 1), ("100-%d" % (size + 5), 100, size - 1),
                                  ("5000-9999", 5000, 9999), (" 7-9 ", 7, 9), (",7-9,", 7, 9)):
            answer = ask(host, port, "/" + name, "Range: bytes=" + text)
            expect(answer.status, 206, text)
            expect(answer["Content-Range"], "bytes %d-%d/%d" % (first, last, size), text)
            assert answer.body == data[first:last + 1], "%s of %s differs" % (text, name)


def check_ranges_unsatisfiable(host, port, folder):
    for name, text in (("hello.txt", "13-"), ("hello.txt", "13-20"), ("hello.txt", "99999999999999999999-"),
                       ("hello.txt", "-0"), ("empty.bin", "0-"), ("empty.bin", "0-0"), ("hello.txt", "20-30,40-50")):
        answer = ask(host, port, "/" + name, "Range: bytes=" + text)
        expect(answer.status, 416, text)
        expect(answer["Content-Range"], "bytes */%d" % len(site_file(folder, name)), text)


def check_ranges_ignored(host, port, folder):
    """What is no range, another unit, or several ranges: the whole file."""
    for text in ("bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "bytes=1-2x", "bytes 0-1", "lines=0-1", "bytes=1--2",
                 "bytes=0-1,4-5", "bytes=0-1,50-60", "bytes=0-1,x", "bytes=,"):
        answer = ask(host, port, "/hello.txt", "Range: " + text)
        expect(answer.status, 200, text)
        expect(answer.body, site_file(folder, "hello.txt"), text)
    expect(ask(host, port, "/empty.bin", "Range: bytes=-5").status, 200)
    expect(ask(host, port, "/list/", "Range: bytes=0-1").status, 200)
    expect(ask(host, port, "/hello.txt", "Range: bytes=0-1", method="HEAD").status, 200)


def check_if_range(host, port, folder):
    first = ask(host, port, "/hello.txt")
    for value, status in ((first["ETag"], 206), ('"other"', 200), ("W/" + first["ETag"], 200),
                          (first["Last-Modified"], 206), ("Sun, 06 Nov 1994 08:49:37 GMT", 200),
                          ("rubbish", 200)):
        expect(ask(host, port, "/hello.txt", "Range: bytes=0-1", "If-Range: " + value).status, status, value)


# ---- conditions ------------------------------------------------------------------------

def check_conditions(host, port, folder):
    first = ask(host, port, "/hello.txt")
    tag, date = first["ETag"], first["Last-Modified"]
    old, new = "Sun, 06 Nov 1994 08:49:37 GMT", "Sat, 06 Nov 2049 08:49:37 GMT"
    for fields, status in (
            (["If-None-Match: " + tag], 304), (["If-None-Match: W/" + tag], 304), (["If-None-Match: *"], 304),
            (['If-None-Match: "a", %s , "b"' % tag], 304), (['If-None-Match: "a"'], 200),
            (["If-Modified-Since: " + date], 304), (["If-Modified-Since: " + new], 304),
            (["If-Modified-Since: " + old], 200), (["If-Modified-Since: yesterday"], 200),
            (["If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT"], 200),
            (["If-Modified-Since: Sun Nov  6 08:49:37 1994"], 200),
            (["If-Modified-Since: Sat Nov  6 08:49:37 2049"], 304),
            (['If-None-Match: "a"', "If-Modified-Since: " + date], 200),
            (["If-Match: " + tag], 200), (["If-Match: *"], 200), (['If-Match: "a"'], 412),
            (["If-Match: W/" + tag], 412), (["If-Unmodified-Since: " + date], 200),
            (["If-Unmodified-Since: " + old], 412),
            (["If-None-Match: " + tag, "Range: bytes=0-1"], 304)):
        with Client(host, port) as client:
            answer = client.ask("/hello.txt", *fields)
            expect(answer.status, status, fields)
            if status == 304:
                expect(answer["ETag"], tag)
            expect(client.ask("/one.bin").body, b"x", "the request after %s" % fields)


CHECKS = [check_persistent, check_http10, check_pipelined, check_pieces, check_half_close,
          check_request_body, check_ranges, check_ranges_unsatisfiable, check_ranges_ignored,
          check_if_range, check_conditions]
