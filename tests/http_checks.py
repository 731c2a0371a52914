# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers

"""What a web server must do, as functions of (host, port, folder).

`folder` is a copy of the tree that is being served, made by make_site(). The same checks run
against httpd on Linux (tests/host) and in the guest (tests/qemu). SLOW_CHECKS need a server
that was started with `-t 2` or so and are told that timeout.
"""

import calendar
import concurrent.futures
import email.utils
import html
import os
import random
import re
import socket
import time
import urllib.parse

WAIT = 20  # seconds for anything to happen; a failure, not a measure


# ---- the site --------------------------------------------------------------------------

STRANGE_NAMES = ["a b.txt", "100%.txt", "q?x#y.txt", "<b>&'\"x.txt", "grün.txt", "c:d.txt", "+plus.txt"]


def make_site(folder):
    """Fills `folder` with files of every kind that the checks use; the same bytes each time."""
    rng = random.Random(2008)

    def put(name, data):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)

    put("index.html", b"<!DOCTYPE html><title>front</title>front page\n")
    put("hello.txt", b"hello, world\n")
    put("empty.bin", b"")
    put("one.bin", b"x")
    put("data.bin", bytes(range(256)) * 40)
    put("small.bin", rng.randbytes(1024))
    put("middle.bin", rng.randbytes(65536))
    put("middle1.bin", rng.randbytes(65537))
    put("big.bin", rng.randbytes(3 * 1024 * 1024 + 17))
    for name in ("page.html", "style.css", "code.js", "data.json", "picture.png", "drawing.svg",
                 "UPPER.TXT", "noextension", "archive.tar.gz"):
        put("types/" + name, b"content of " + name.encode())
    for name in STRANGE_NAMES:
        put("strange/" + name, b"strange: " + name.encode())
    put("list/zebra.txt", b"z" * 26)
    put("list/alpha.txt", b"a")
    put("list/.hidden", b"not listed")
    put("list/sub/inner.txt", b"inner")
    put("list/beta.bin", b"b" * 70000)
    put("withindex/index.html", b"the index\n")
    put("deep/er/and/deeper/file.txt", b"deep\n")
    os.makedirs(os.path.join(folder, "emptydir"), exist_ok=True)
    for i in range(120):
        put("many/f%03d.txt" % i, b"%d\n" % i)
    link = os.path.join(folder, "link.txt")
    if not os.path.lexists(link):
        os.symlink("hello.txt", link)
    for base, _, names in os.walk(folder):
        for name in names:  # whole seconds: every file system can hold them
            path = os.path.join(base, name)
            if not os.path.islink(path):
                os.utime(path, (1700000000, 1700000000))


def site_file(folder, name):
    with open(os.path.join(folder, name), "rb") as f:
        return f.read()


# ---- a client that hides nothing -------------------------------------------------------

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


# ---- plain requests --------------------------------------------------------------------

def check_get(host, port, folder):
    """Files of every size, byte for byte."""
    for name in ("hello.txt", "empty.bin", "one.bin", "data.bin", "small.bin", "middle.bin",
                 "middle1.bin", "big.bin", "deep/er/and/deeper/file.txt", "link.txt"):
        answer = ask(host, port, "/" + name)
        expect(answer.status, 200, name)
        expect(answer.reason, "OK", name)
        assert answer.body == site_file(folder, name), name + " differs"


def check_head(host, port, folder):
    """HEAD: the fields of GET, no body, and the connection goes on."""
    with Client(host, port) as client:
        for name in ("hello.txt", "empty.bin", "big.bin", "list/"):
            get = client.ask("/" + name)
            head = client.ask("/" + name, method="HEAD")
            expect(head.status, 200, name)
            expect([f for f in head.fields if f[0] != "date"],
                   [f for f in get.fields if f[0] != "date"], name)
        expect(client.ask("/nothing", method="HEAD").status, 404)
        expect(client.ask("/hello.txt").body, site_file(folder, "hello.txt"))


def check_types(host, port, folder):
    """Content-Type by extension."""
    for name, wanted in (("page.html", "text/html; charset=utf-8"),
                         ("style.css", "text/css; charset=utf-8"),
                         ("code.js", "text/javascript; charset=utf-8"),
                         ("data.json", "application/json"), ("picture.png", "image/png"),
                         ("drawing.svg", "image/svg+xml"), ("archive.tar.gz", "application/gzip"),
                         ("UPPER.TXT", "text/plain; charset=utf-8"),
                         ("noextension", "application/octet-stream")):
        expect(ask(host, port, "/types/" + name)["Content-Type"], wanted, name)


def check_dates_and_tags(host, port, folder):
    """Last-Modified is the file's time; the entity tag is quoted and stays the same."""
    first, second = (ask(host, port, "/hello.txt") for _ in range(2))
    modified = calendar.timegm(email.utils.parsedate(first["Last-Modified"]))
    expect(modified, int(os.stat(os.path.join(folder, "hello.txt")).st_mtime))
    assert re.fullmatch(r'"[!-~]+"', first["ETag"]), first["ETag"]
    expect(second["ETag"], first["ETag"])
    expect(first["Accept-Ranges"], "bytes")
    assert ask(host, port, "/one.bin")["ETag"] != first["ETag"]


def check_index(host, port, folder):
    """A directory with an index.html is that file."""
    expect(ask(host, port, "/").body, site_file(folder, "index.html"))
    expect(ask(host, port, "/withindex/").body, b"the index\n")
    expect(ask(host, port, "/withindex/?q=1").body, b"the index\n")


def check_redirect(host, port, folder):
    """A directory without its final slash is redirected, with its query, to the same host."""
    for target, location in (("/list", "/list/"), ("/list?a=b", "/list/?a=b"),
                             ("//list", "/list/"), ("/list/sub", "/list/sub/"),
                             ("/x/../list", "/list/")):
        answer = ask(host, port, target)
        expect(answer.status, 301, target)
        expect(answer["Location"], location, target)


# ---- listings --------------------------------------------------------------------------

def listed(answer):
    """[(link, text, size)] of a listing."""
    rows = re.findall(r'<tr><td><a href="([^"]*)">([^<]*)</a></td><td>[^<]*</td><td>([^<]*)</td></tr>',
                      answer.body.decode())
    return [(html.unescape(a), html.unescape(b), c) for a, b, c in rows]


def check_listing(host, port, folder):
    """Folders first, sorted, with sizes; hidden names left out; empty ones are empty."""
    answer = ask(host, port, "/list/")
    expect(answer.status, 200)
    expect(answer["Content-Type"], "text/html; charset=utf-8")
    expect(listed(answer), [("../", "../", "-"), ("./sub/", "sub/", "-"),
                            ("./alpha.txt", "alpha.txt", "1"), ("./beta.bin", "beta.bin", "70000"),
                            ("./zebra.txt", "zebra.txt", "26")])
    expect(listed(ask(host, port, "/emptydir/")), [("../", "../", "-")])
    many = listed(ask(host, port, "/many/"))[1:]
    expect([text for _, text, _ in many], ["f%03d.txt" % i for i in range(120)])


def check_strange_names(host, port, folder):
    """Names are escaped in listings, and the links lead to the files."""
    answer = ask(host, port, "/strange/")
    rows = listed(answer)[1:]
    expect(sorted(text for _, text, _ in rows), sorted(STRANGE_NAMES))
    assert b"<b>" not in answer.body
    for link, text, _ in rows:
        target = urllib.parse.urljoin("http://h/strange/", link)
        path = target[len("http://h"):]
        expect(ask(host, port, path).body, b"strange: " + text.encode(), link)


# ---- addresses -------------------------------------------------------------------------

def check_targets(host, port, folder):
    """Percent coding, dots, repeated slashes, queries, absolute form."""
    wanted = site_file(folder, "hello.txt")
    for target in ("/hello.txt?", "/hello.txt?a=b&c", "/%68ello.txt", "/h%65ll%6F.txt", "//hello.txt",
                   "/./hello.txt", "/list/../hello.txt", "/list/sub/../../hello.txt",
                   "/list/%2e%2e/hello.txt", "/nowhere/../hello.txt", "http://test/hello.txt",
                   "HTTP://other:81/hello.txt?x"):
        answer = ask(host, port, target)
        expect(answer.status, 200, target)
        expect(answer.body, wanted, target)


def check_traversal(host, port, folder):
    """Nothing above the root is ever reached."""
    with open("/etc/passwd", "rb") as f:
        secret = f.read()
    for target in ("/../../../../etc/passwd", "/..", "/../", "/%2e%2e/%2e%2e/etc/passwd",
                   "/..%2f..%2fetc%2fpasswd", "/list/../../etc/passwd", "/%2e./%2e./etc/passwd",
                   "/....//....//etc/passwd", "/..%5c..%5cetc%5cpasswd", "/%252e%252e/etc/passwd",
                   "//../etc/passwd", "/list/sub/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/.%00./etc/passwd",
                   "http://test/../../etc/passwd", "/..;/etc/passwd", "/\xc0\xae\xc0\xae/etc/passwd"):
        answer = ask(host, port, target)
        assert answer.status in (400, 404), "%s: %d" % (target, answer.status)
        assert secret not in answer.body, target


def check_not_found(host, port, folder):
    for target in ("/nothing", "/nothing/", "/hello.txt/", "/hello.txt/x", "/list/nothing.txt",
                   "/" + "n" * 300, "/hello.txt%20", "/HELLO.TXT"):
        expect(ask(host, port, target).status, 404, target)


def check_bad_targets(host, port, folder):
    for target in ("/%", "/%4", "/%zz", "/a%00b", "hello.txt", "*", "/a#b"):
        expect(ask(host, port, target).status, 400, target)


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


# ---- what is wrong ---------------------------------------------------------------------

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


CHECKS = [check_get, check_head, check_types, check_dates_and_tags, check_index, check_redirect,
          check_listing, check_strange_names, check_targets, check_traversal, check_not_found,
          check_bad_targets, check_persistent, check_http10, check_pipelined, check_pieces,
          check_half_close, check_request_body, check_ranges, check_ranges_unsatisfiable,
          check_ranges_ignored, check_if_range, check_conditions, check_methods, check_malformed,
          check_huge, check_aborted, check_parallel, check_parallel_big, check_slow_reader]


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


SLOW_CHECKS = [check_idle_closed, check_drip, check_many_slow]
