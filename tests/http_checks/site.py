# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers

"""The site that is served while the checks run."""

import os
import random


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
