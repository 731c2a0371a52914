# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers

"""apps/httpd as an ordinary Linux program: built by both compilers without warnings, and run
under the address and undefined-behaviour sanitizers on loopback."""

import glob
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests"))
import http_checks  # noqa: E402

SOURCES = sorted(glob.glob(os.path.join(TOP, "apps/httpd/*.c")))
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wmissing-prototypes", "-Wstrict-prototypes"]
TIMEOUT = 2


def free_port():
    with socket.socket(socket.AF_INET6) as s:
        s.bind(("::", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, program, folder, *options, prepare=None):
        self.port = free_port()
        self.process = subprocess.Popen([program, "-p", str(self.port), *options, folder],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        preexec_fn=prepare)
        self.first_line = self.process.stdout.readline().decode()
        assert "serving" in self.first_line, self.first_line

    def stop(self):
        """Ends it; its status and what it said. Leaks are reported there by the sanitizer."""
        self.process.send_signal(signal.SIGTERM)
        rest = self.process.communicate(timeout=20)[0].decode(errors="replace")
        return self.process.returncode, rest


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    program = str(tmp_path_factory.mktemp("build") / "httpd")
    subprocess.run(["gcc", "-g", "-O1", *WARNINGS, "-fsanitize=address,undefined",
                    "-fno-sanitize-recover=all", "-o", program, *SOURCES], check=True)
    return program


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("site"))
    http_checks.make_site(folder)
    return folder


@pytest.fixture(scope="module")
def server(built, site):
    server = Server(built, site, "-t", "10")
    yield server
    status, rest = server.stop()
    assert status == 0 and not rest, rest


@pytest.fixture(scope="module")
def hasty(built, site):
    server = Server(built, site, "-t", str(TIMEOUT))
    yield server
    status, rest = server.stop()
    assert status == 0 and not rest, rest


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_builds_plainly(compiler, tmp_path):
    if not shutil.which(compiler):
        pytest.skip(compiler + " is not installed")
    subprocess.run([compiler, "-O2", *WARNINGS, "-o", str(tmp_path / "httpd"), *SOURCES], check=True)
    subprocess.run([compiler, *WARNINGS, "-o", str(tmp_path / "hello"), os.path.join(TOP, "apps/hello/main.c")],
                   check=True)
    said = subprocess.run([str(tmp_path / "hello"), "a", "b c"], stdout=subprocess.PIPE, check=True).stdout.decode()
    assert said.splitlines()[0].startswith("Hello from ")
    assert said.splitlines()[1:] == ["argument 1: a", "argument 2: b c"]


@pytest.mark.parametrize("check", http_checks.CHECKS, ids=lambda c: c.__name__[6:])
def test_serves(server, site, check):
    check("127.0.0.1", server.port, site)


@pytest.mark.parametrize("check", http_checks.SLOW_CHECKS, ids=lambda c: c.__name__[6:])
def test_deadlines(hasty, site, check):
    check("127.0.0.1", hasty.port, site, TIMEOUT)


def test_noise(server):
    """Requests with bytes changed, cut and repeated: any answer, or none, but no harm."""
    seeds = [b"GET /list/?x HTTP/1.1\r\nHost: h\r\nRange: bytes=1-2,-5\r\nIf-Range: \"a\"\r\nConnection: close\r\n\r\n",
             b"HEAD /data.bin HTTP/1.0\r\nIf-None-Match: W/\"a\", *\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
             b"GET http://h/%2e%2e/x/../hello.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc"]
    for seed in range(600):
        rng = random.Random(seed)
        data = bytearray(rng.choice(seeds) * rng.randrange(1, 4))
        for _ in range(rng.randrange(1, 8)):
            at = rng.randrange(len(data))
            what = rng.randrange(4)
            if what == 0:
                data[at] = rng.randrange(256)
            elif what == 1:
                data[at:at] = rng.choice([b"\r\n", b"\n", b"%", b"/..", b"\0", b":", b" ", b",", b"-", b"9" * 25])
            elif what == 2:
                del data[at:at + rng.randrange(1, 20)]
            else:
                data[at:at] = data[at:at + rng.randrange(1, 40)]
            data = data or bytearray(b"x")
        with http_checks.Client("127.0.0.1", server.port) as client:
            try:
                client.send(bytes(data))
                client.socket.shutdown(socket.SHUT_WR)
                while client.more():
                    pass
            except (ConnectionResetError, BrokenPipeError):
                pass
            assert not client.buffer or client.buffer.startswith(b"HTTP/1.1 "), (seed, data)
    assert http_checks.ask("127.0.0.1", server.port, "/hello.txt").status == 200


def test_ipv6(server, site):
    if "IPv6" not in server.first_line:
        pytest.skip("this machine has no IPv6")
    http_checks.check_get("::1", server.port, site)


def test_real_site(built):
    """The site that `make run` serves: every link of it leads somewhere."""
    folder = os.path.join(TOP, "apps/httpd/www")
    server = Server(built, folder)
    try:
        for base, _, names in os.walk(folder):
            for name in names:
                path = os.path.relpath(os.path.join(base, name), folder)
                assert http_checks.ask("127.0.0.1", server.port, "/" + path).body == http_checks.site_file(folder, path)
        page = http_checks.ask("127.0.0.1", server.port, "/").body.decode()
        for link in re.findall(r'(?:href|src)="([^"]*)"', page):
            wanted = 404 if link == "nothing-here" else 200
            assert http_checks.ask("127.0.0.1", server.port, "/" + link).status == wanted, link
    finally:
        status, rest = server.stop()
    assert status == 0 and not rest, rest


def test_changes_are_seen(built, tmp_path):
    """A file that changes, vanishes or comes is seen within a second or so."""
    file = tmp_path / "a.txt"
    file.write_text("first")
    server = Server(built, str(tmp_path))
    try:
        def get(path):
            return http_checks.ask("127.0.0.1", server.port, path)

        before = get("/a.txt")
        assert before.body == b"first" and get("/b.txt").status == 404
        assert "b.txt" not in get("/").body.decode()
        (tmp_path / "new").write_text("other")  # the same size, renamed over it
        (tmp_path / "new").rename(file)
        (tmp_path / "b.txt").write_text("b")
        time.sleep(1.3)
        after = get("/a.txt")
        assert after.body == b"other" and after["ETag"] != before["ETag"]
        assert get("/b.txt").body == b"b" and "b.txt" in get("/").body.decode()
        file.unlink()
        time.sleep(1.3)
        assert get("/a.txt").status == 404
        (tmp_path / "index.html").write_text("index")
        time.sleep(1.3)
        assert get("/").body == b"index"
    finally:
        status, rest = server.stop()
    assert status == 0 and not rest, rest


def test_cut_while_sending(built, tmp_path):
    """A file that shrinks under a download: the connection ends early, the server lives."""
    file = tmp_path / "big.bin"
    file.write_bytes(b"x" * (32 << 20))
    server = Server(built, str(tmp_path))
    try:
        with http_checks.Client("127.0.0.1", server.port) as client:
            client.send("GET /big.bin HTTP/1.1\r\nHost: h\r\n\r\n")
            time.sleep(0.3)
            os.truncate(file, 1000)
            received = 0
            while True:
                data = client.socket.recv(1 << 20)
                received += len(data)
                if not data:
                    break
        assert received < 32 << 20
        assert http_checks.ask("127.0.0.1", server.port, "/").status == 200
    finally:
        status, rest = server.stop()
    assert status == 0 and not rest, rest


def test_links_and_special_files(built, tmp_path):
    """Links inside the tree are followed, those that lead out of it and pipes are refused."""
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "rootless").mkdir()
    (root / "in.txt").write_text("in")
    (root / "sub").mkdir()
    (root / "inside").symlink_to("sub/../in.txt")
    (root / "outside").symlink_to("../secret.txt")
    (root / "sibling").symlink_to("../rootless")
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "pipe")
    server = Server(built, str(root))
    try:
        for path, status in (("/inside", 200), ("/outside", 403), ("/sibling/", 403), ("/loop", 404),
                             ("/pipe", 403), ("/in.txt/", 404)):
            assert http_checks.ask("127.0.0.1", server.port, path).status == status, path
    finally:
        status, rest = server.stop()
    assert status == 0 and not rest, rest


def test_descriptor_limit(built, site):
    """At the limit it says so and pauses; those who wait are served once there is room."""
    server = Server(built, site, "-t", "5", prepare=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24)))
    clients = []
    try:
        for _ in range(40):
            clients.append(http_checks.Client("127.0.0.1", server.port))
        assert clients[0].ask("/hello.txt").status == 200
        assert clients[1].ask("/big.bin").body == http_checks.site_file(site, "big.bin")
        for client in clients[:30]:
            client.socket.close()
        for client in clients[30:]:
            assert client.ask("/hello.txt").status == 200
    finally:
        for client in clients:
            client.socket.close()
        status, rest = server.stop()
    assert status == 0, rest
    assert "no more for now: Too many open files" in rest


def test_verbose(built, site):
    server = Server(built, site, "-v")
    http_checks.ask("127.0.0.1", server.port, "/hello.txt")
    http_checks.ask_raw("127.0.0.1", server.port, "GET /\x1b[31m HTTP/1.1\r\nHost: h\r\n\r\n")
    status, rest = server.stop()
    lines = rest.splitlines()
    assert status == 0
    assert re.fullmatch(r'(::ffff:)?127\.0\.0\.1 "GET /hello\.txt HTTP/1\.1" 200 13', lines[0]), lines
    assert "\x1b" not in rest and '"GET /?[31m HTTP/1.1" 400' in lines[1], lines


@pytest.mark.parametrize("arguments, status, said", [
    ([], 2, "usage:"),
    (["-p", "0", "/"], 2, "the port must be a number from 1 to 65535"),
    (["-p", "80x", "/"], 2, "the port must be"),
    (["-t", "", "/"], 2, "the timeout must be"),
    (["-x", "/"], 2, "usage:"),
    (["/", "/"], 2, "usage:"),
    (["/no/such/folder"], 1, "/no/such/folder: No such file"),
    (["/etc/passwd"], 1, "not a directory"),
])
def test_bad_arguments(built, arguments, status, said):
    done = subprocess.run([built, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
    assert done.returncode == status
    assert said in done.stderr.decode()


def test_port_taken(built, site):
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind(("::", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run([built, "-p", str(port), site], stderr=subprocess.PIPE, timeout=20)
    assert done.returncode == 1
    assert "cannot listen on port %d: Address already in use" % port in done.stderr.decode()
