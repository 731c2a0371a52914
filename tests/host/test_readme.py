# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers

"""The README's example: it runs on Linux, and as an image, and prints what the README says;
what the documentation names is there."""

import glob
import os
import re
import shlex
import subprocess

import tree

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def readme():
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as f:
        return f.read()


def block(language):
    blocks = re.findall(r"^```%s\n(.*?)^```$" % language, readme(), re.M | re.S)
    assert len(blocks) == 1, "%d blocks of %s" % (len(blocks), language)
    return blocks[0]


def command():
    """Name of the application and its arguments, as the README types them."""
    words = shlex.split(block("sh"))
    assert words[:2] == ["make", "run"]
    values = dict(word.split("=", 1) for word in words[2:])
    return values["APP"], values["CMDLINE"]


def test_on_linux(tmp_path):
    source = tmp_path / "main.c"
    source.write_text(block("c"))
    subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", "-o", str(tmp_path / "app"), str(source), "-lpthread"],
                   check=True)
    arguments = command()[1].split("--")[1].split()
    said = subprocess.run([str(tmp_path / "app"), *arguments], stdout=subprocess.PIPE, check=True).stdout.decode()
    assert said == block("text")


def test_as_image(tmp_path):
    app, cmdline = command()
    with tree.application(tmp_path, app, {"main.c": block("c")}) as image:
        said = tree.boot(image, cmdline)
    assert block("text") in said, said


def test_links():
    """Every relative link of the documentation leads to a file."""
    for page in [os.path.join(TOP, "README.md"), *glob.glob(os.path.join(TOP, "docs/*.md"))]:
        with open(page, encoding="utf-8") as f:
            for link in re.findall(r"\]\(([^)#:]+)\)", f.read()):
                assert os.path.exists(os.path.join(os.path.dirname(page), link)), "%s: %s" % (page, link)


def test_goals():
    """Every `make GOAL` that the documentation names exists."""
    makefiles = [os.path.join(TOP, "Makefile"), *glob.glob(os.path.join(TOP, "mk/*.mk"))]
    goals = set()
    for makefile in makefiles:
        with open(makefile, encoding="utf-8") as f:
            goals |= set(re.findall(r"^([a-z-]+):(?!=)", f.read(), re.M))
    for page in [os.path.join(TOP, "README.md"), *glob.glob(os.path.join(TOP, "docs/*.md"))]:
        with open(page, encoding="utf-8") as f:
            for goal in re.findall(r"(?:^|`|\$ )make ([a-z-]+)", f.read(), re.M):
                assert goal in goals, "%s: make %s" % (page, goal)


def test_native_example_compiles(tmp_path):
    with open(os.path.join(TOP, "docs/native-api.md"), encoding="utf-8") as f:
        sources = re.findall(r"^```c\n(.*?)^```$", f.read(), re.M | re.S)
    for number, source in enumerate(sources):
        path = tmp_path / ("example%d.c" % number)
        path.write_text(source)
        subprocess.run(["gcc", "-c", "-Wall", "-Wextra", "-Werror", "-I", os.path.join(TOP, "include"), "-o", "/dev/null",
                        str(path)], check=True)


def test_keys():
    """Every key of the command line that the code declares is in the table of docs/apps.md, and the other way round."""
    declared = set()
    for path in glob.glob(os.path.join(TOP, "*", "**", "*.c"), recursive=True):
        if os.path.relpath(path, TOP).split(os.sep)[0] in ("build", "tests", "arch"):
            continue
        with open(path, encoding="utf-8") as f:
            text = f.read()
        declared |= set(re.findall(r"^CMDLINE_KEY(?:_APPLY)?\(\s*(\w+)", text, re.M))
        declared |= set(re.findall(r'"(virtio_mmio\.device)"', text))
    with open(os.path.join(TOP, "docs", "apps.md"), encoding="utf-8") as f:
        told = set(re.findall(r"^\| `([\w.]+)` \|.*\|.*\|$", f.read(), re.M))
    assert len(declared) > 15
    assert declared == told
