# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers

"""A client that hides nothing."""

import email.utils
import re
import socket

WAIT = 20  # seconds for anything to happen; a failure, not a measure


class Answer:
    def __init__(self, status, reason, version, fields, body):
        self.status, self.reason, self.version, self.body = status, reason, version, body
        self.fields = fields  # list of (name in lower case, value)

    def __getitem__(self, name):
        values = [v for n, v in self.fields if n == name.lower()]
        assert len(values) < 2, "field %s is there %d times" % (name, len(values))
        return values[0] if values else None


class Client:
    """One connection; bytes go out as given, answers are parsed strictly."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=WAIT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def more(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def closed(self):
        """True if the server closes without another byte."""
        try:
            return not self.buffer and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def answer(self, head=False):
        while b"\r\n\r\n" not in self.buffer:
            assert self.more(), "closed in the middle of a header: %r" % self.buffer
        top, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = top.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"(HTTP/1\.1) (\d\d\d) ([ -~]+)", lines[0])
        assert match, "bad status line %r" % lines[0]
        fields = []
        for line in lines[1:]:
            field = re.fullmatch(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([ -~]*)", line)
            assert field, "bad field %r" % line
            fields.append((field[1].lower(), field[2]))
        answer = Answer(int(match[2]), match[3], match[1], fields, b"")
        when = answer["Date"]
        assert when and email.utils.parsedate_tz(when) and when.endswith(" GMT"), "Date: %r" % when
        if answer.status == 304:
            return answer
        assert answer["Content-Length"] is not None, "no Content-Length in a %d" % answer.status
        if not head:
            length = int(answer["Content-Length"])
            while len(self.buffer) < length:
                assert self.more(), "closed after %d of %d bytes" % (len(self.buffer), length)
            answer.body, self.buffer = self.buffer[:length], self.buffer[length:]
        return answer

    def ask(self, target, *fields, method="GET", version="HTTP/1.1"):
        lines = ["%s %s %s" % (method, target, version), "Host: test"]
        self.send("\r\n".join(lines + list(fields)) + "\r\n\r\n")
        return self.answer(head=method == "HEAD")


def ask(host, port, target, *fields, **options):
    with Client(host, port) as client:
        return client.ask(target, *fields, **options)


def ask_raw(host, port, data):
    """The answer to these bytes, which must be the last one on its connection."""
    with Client(host, port) as client:
        client.send(data)
        answer = client.answer()
        assert client.closed(), "connection stays open after %d" % answer.status
        return answer


def expect(actual, wanted, what=""):
    assert actual == wanted, "%s: %r instead of %r" % (what, actual, wanted)
