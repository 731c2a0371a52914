# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers

"""Applications of tests: built in a copy of the tree, with the build folder shared, so that nothing
is left behind."""

import contextlib
import fcntl
import glob
import os
import shutil
import subprocess

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def make(folder, goal, *settings):
    """One at a time: tests run side by side, and have one build folder."""
    os.makedirs(os.path.join(TOP, "build"), exist_ok=True)
    with open(os.path.join(TOP, "build/tests.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = subprocess.run(["make", "-C", str(folder), "DEPS=no", goal, *settings], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    assert made.returncode == 0, made.stdout.decode()[-4000:]


@contextlib.contextmanager
def application(folder, app, files, goal="build/%s.elf"):
    """The path of the image, or what GOAL says, that is made of FILES, a dictionary, as the application APP."""
    os.makedirs(os.path.join(TOP, "build"), exist_ok=True)
    for name in os.listdir(TOP):
        if name not in ("build", "apps", ".git"):
            os.symlink(os.path.join(TOP, name), folder / name)
    os.symlink(os.path.join(TOP, "build"), folder / "build")
    (folder / "apps" / app).mkdir(parents=True)
    for name, text in files.items():
        (folder / "apps" / app / name).write_text(text)
    try:
        make(folder, goal % app, "HOST_APPS=" + app)
        yield folder / (goal % app)
    finally:
        for left in glob.glob(os.path.join(TOP, "build", app + ".*")) + glob.glob(os.path.join(TOP, "build/host", app)):
            os.remove(left)
        for objects in "build/obj/apps", "build/host/obj/apps":
            shutil.rmtree(os.path.join(TOP, objects, app), ignore_errors=True)


def boot(image, cmdline, *devices, status=0):
    """What the image says on the serial port until it ends, with STATUS."""
    if not shutil.which("qemu-system-x86_64"):
        pytest.skip("qemu-system-x86_64 is not installed")
    ran = subprocess.run(["qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-cpu", "max", "-m", "64",
                          "-smp", "1,maxcpus=2", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio", "-device",
                          "isa-debug-exit,iobase=0xf4,iosize=4", "-kernel", str(image), "-append", cmdline, *devices],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=120)
    said = ran.stdout.decode(errors="replace").replace("\r\n", "\n")
    assert ran.returncode == status * 2 + 1, said  # isa-debug-exit
    return said
