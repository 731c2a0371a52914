# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers

"""What is served under which address."""

import calendar
import email.utils
import html
import os
import re
import urllib.parse

from .client import Client, ask, expect
from .site import STRANGE_NAMES, site_file


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


CHECKS = [check_get, check_head, check_types, check_dates_and_tags, check_index, check_redirect,
          check_listing, check_strange_names, check_targets, check_traversal, check_not_found,
          check_bad_targets]
