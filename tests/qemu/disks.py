# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""Disks and archives whose every byte the tests know."""
import functools
import importlib.machinery
import importlib.util
import os
import random
import stat
import subprocess

import qemu

UNITS = {'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}


def size_of(text):
    return int(text[:-1]) * UNITS[text[-1]] if text[-1] in UNITS else int(text)


@functools.lru_cache(maxsize=64)
def pattern(size, seed):
    return random.Random(seed).randbytes(size)


@functools.lru_cache(maxsize=64)
def pattern_sum(size, seed):
    return checksum(pattern(size, seed))


def checksum(data):
    """FNV-1a, 64 bits, as tests/guest/blocks and files compute it."""
    value = 0xcbf29ce484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return f'{value:016x}'


class Disk:
    """A file with a pattern, and the arguments that make it a drive of QEMU."""

    def __init__(self, folder, index, text):
        size, _, options = text.partition(',')
        self.size, self.seed = size_of(size), index + 1
        self.path = os.path.join(folder, f'disk{index}.img')
        with open(self.path, 'wb') as f:
            f.write(pattern(self.size, self.seed))
        self.arguments = ['-drive', f'if=none,id=disk{index},format=raw,file={self.path}'
                          + (',' + options if options else '')]
        self.read_only = 'readonly=on' in options

    def sum(self):
        return pattern_sum(self.size, self.seed)


def written_pattern():
    """What tests/guest/blocks writes to the end of a disk."""
    return bytes((i * 7 + i // 512) & 0xff for i in range(65536))


def load_tool(name):
    """A program of tools/ as a module."""
    path = os.path.join(qemu.ROOT, 'tools', name)
    loader = importlib.machinery.SourceFileLoader(name.replace('-', '_'), path)
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def ext4_of(folder, image):
    """An ext4 disk made as `make run` makes it."""
    load_tool('run').make_disk(folder, image)
    return image


def cpio_of(folder, archive):
    """A newc archive of a folder, as an initrd."""
    names = sorted(os.path.relpath(os.path.join(path, name), folder)
                   for path, folders, files in os.walk(folder) for name in folders + files)
    with open(archive, 'wb') as f:
        subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet'], cwd=folder, check=True,
                       input='\n'.join(names).encode() + b'\n', stdout=f)
    return archive


def sample_tree(folder):
    """Fills a folder with files of all kinds of sizes and names; returns it."""
    files = {
        'index.html': b'<!doctype html><title>Ferrule</title><p>It works.\n',
        'empty': b'',
        'one': b'1',
        'text/a.txt': b'A\n' * 3,
        'text/deep/er/and/deeper/b.txt': b'B\n',
        'with space and \xc3\xa4.txt'.encode('latin-1').decode('utf-8'): b'name\n',
        'block': pattern(4096, 11),
        'block-and-one': pattern(4097, 12),
        'large.bin': pattern(3 * (1 << 20) + 17, 13),
    }
    for index in range(150):  # more than one block of directory
        files[f'many/file-with-a-long-name-{index:04}.txt'] = f'{index}\n'.encode()
    for name, data in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as f:
            f.write(data)
    os.symlink('text/a.txt', os.path.join(folder, 'link'))
    return folder


def listing(folder, root=''):
    """What tests/guest/files must print of this folder."""
    found = set()
    for path, folders, files in os.walk(folder):
        for name in folders + files:
            whole = os.path.join(path, name)
            inside = root + '/' + os.path.relpath(whole, folder)
            mode = os.lstat(whole).st_mode
            if stat.S_ISDIR(mode):
                found.add(f'directory {inside}')
            elif stat.S_ISLNK(mode):
                found.add(f'link {os.readlink(whole)} {inside}')
            else:
                with open(whole, 'rb') as f:
                    data = f.read()
                found.add(f'file {len(data)} {checksum(data)} {inside}')
    return found
