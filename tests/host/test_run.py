# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers

"""tools/run where no machine is needed: what it says of wrong wishes, and how it goes over
from the serial port to the virtio console."""

import importlib.machinery
import importlib.util
import os
import socket
import subprocess
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RUN = os.path.join(TOP, "tools/run")


@pytest.fixture(scope="module")
def run():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("run", RUN)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("run", loader))
    loader.exec_module(module)
    return module


def refusal(tmp_path, *arguments):
    done = subprocess.run([sys.executable, RUN, "--work", str(tmp_path), *arguments, "no.iso"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode in (1, 2) and "Traceback" not in done.stderr, done.stderr
    return done.stderr


@pytest.mark.parametrize("port", ["0", "65536", "99999", "-1", "abc", ""])
def test_no_port(tmp_path, port):
    assert "from 1 to 65535" in refusal(tmp_path, "--port=" + port)


def test_port_taken(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "port %d of this machine is taken" % port in refusal(tmp_path, "--port", str(port))


def test_no_folder(tmp_path):
    assert "there is no such folder" in refusal(tmp_path, "--www", str(tmp_path / "none"))
    assert "is no folder" in refusal(tmp_path, "--www", RUN)
    assert "there is no such folder" in refusal(tmp_path, "--share", str(tmp_path / "none"))
    assert "is no folder" in refusal(tmp_path, "--share", RUN)


@pytest.mark.parametrize("piece", [13, 20, 1000])
@pytest.mark.parametrize("ahead", [0, 1, 2, 14, 15, 1000])
def test_each_byte_once(run, tmp_path, monkeypatch, ahead, piece):
    """The serial port is AHEAD bytes on when the console's first PIECE arrives."""
    said = b"[    0.000] one\n[    0.001] two, which both say\n[    0.002] three\n"
    begin = said.index(b"[    0.001")
    shown = []
    with open(tmp_path / "log", "wb") as log:
        screen = run.Screen(log)
        monkeypatch.setattr(screen, "put", shown.append)
        screen.serial(said[:begin + ahead].replace(b"\n", b"\r\n"))
        for at in range(begin, len(said), piece):
            screen.console(said[at:at + piece])
            screen.serial(said[begin + ahead:][at - begin:][:piece])
    assert b"".join(shown) == said
