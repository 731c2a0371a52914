# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""A share that may lie: a folder with a file and a link, by FUSE (VIRTIO 1.3 §5.11)."""
import errno
import stat
import struct

from liar import EIO, Liar, answered, differently

(LOOKUP, GETATTR, READLINK, OPEN, READ, RELEASE, INIT, OPENDIR, READDIR, RELEASEDIR, DESTROY) = (
    1, 3, 5, 14, 15, 18, 26, 27, 28, 29, 38)
HIPRIO, REQUESTS = 0, 1
IN, OUT = struct.Struct('<IIQQIIII'), struct.Struct('<IiQ')
ATTR = struct.Struct('<QQQQQQIIIIIIIIII')
ENTRY = struct.Struct('<QQQQII')  # before the attributes
DIRENT = struct.Struct('<QQII')
INIT_OUT = struct.Struct('<IIIIHHIIHH32x')
ROOT, FILE, LINK = 1, 2, 3
CONTENT = bytes(i & 255 for i in range(10000))
NAMES = {b'file': FILE, b'link': LINK, b'.': ROOT, b'..': ROOT}
MODES = {ROOT: stat.S_IFDIR | 0o755, FILE: stat.S_IFREG | 0o644, LINK: stat.S_IFLNK | 0o777}
SIZES = {ROOT: 4096, FILE: len(CONTENT), LINK: 4}


def attributes(node, size=None, mode=None, number=None):
    size = SIZES[node] if size is None else size
    mode = MODES[node] if mode is None else mode
    return ATTR.pack(node if number is None else number, size, 8, 0, 0, 0, 0, 0, 0, mode, 1, 0,
                     0, 0, 4096, 0)


def entry(node, number=None, **lies):
    return ENTRY.pack(node if number is None else number, 0, 0, 0, 0, 0) + attributes(node, **lies)


def directory(*names, first=0, step=1):
    """Entries of (name, the length it is said to have)."""
    out = b''
    for i, (name, length) in enumerate(names):
        out += DIRENT.pack(i + 1, (first + i + 1) * step, length, 8) + name
        out += bytes(-len(out) % 8)
    return out


def init(major=7, minor=31, max_write=65536, max_pages=16):
    return INIT_OUT.pack(major, minor, 65536, 1 << 22, 12, 9, max_write, 1, max_pages, 0)


LISTED = [(name, len(name)) for name in (b'.', b'..', b'file', b'link')]


class Fs(Liar):
    kind, name_in_guest = 'fs', 'fs0'
    cmdline = 'mount=virtiofs:host:/host'
    config = b'host'.ljust(36, b'\0') + struct.pack('<I', 1)  # (QEMU has its own)
    broken = {EIO, -errno.ESTALE}
    overrides = {
        (REQUESTS, 'unwritten'): differently('unwritten', True, {EIO}),
        # A reply's length is said twice.
        (REQUESTS, 'huge length'): differently('huge length', True, {EIO}),
        (REQUESTS, 'a length of one more'): differently('a length of one more', True, {EIO}),
    }

    @classmethod
    def arguments(cls, path, options):
        return super().arguments(path, ',tag=host,num-request-queues=1' + options)

    def __init__(self, path, begins=(), **more):
        super().__init__(path, **more)
        self.begins = dict(begins)

    def answer(self, queue, chain):
        if queue.index == HIPRIO:
            return b''  # FORGET has none
        message = chain.readable()
        _, opcode, unique, node, *_ = IN.unpack_from(message)
        body = self.reply_to(opcode, node, message[IN.size:])
        if isinstance(body, int):
            return OUT.pack(OUT.size, -body, unique)
        return OUT.pack(OUT.size + len(body), 0, unique) + body

    def reply_to(self, opcode, node, arguments):
        if opcode == INIT:
            return init(**self.begins)
        if opcode == GETATTR:
            return struct.pack('<QII', 0, 0, 0) + attributes(node)
        if opcode == LOOKUP:
            found = NAMES.get(arguments.rstrip(b'\0'))
            return entry(found) if found else errno.ENOENT
        if opcode in (OPEN, OPENDIR):
            return struct.pack('<QII', 7, 0, 0)
        if opcode == READLINK:
            return b'file'
        if opcode in (READ, READDIR):
            _, offset, size = struct.unpack_from('<QQI', arguments)
            if opcode == READ:
                return CONTENT[offset:offset + size]
            return directory(*LISTED[offset:], first=offset)
        return b'' if opcode in (RELEASE, RELEASEDIR, DESTROY) else errno.ENOSYS


def to(opcode, spoil, results, breaks=False):
    """Another answer to that request."""
    def other(chain, answer):
        return spoil(answer) if IN.unpack_from(chain.readable())[1] == opcode else None
    return answered(other, breaks, results)


def body(opcode, content, results):
    """Another body, in an answer that is well-formed."""
    return to(opcode, lambda answer: OUT.pack(OUT.size + len(content), 0,
                                              OUT.unpack_from(answer)[2]) + content, results)


def header(length=0, error=0, unique=0):
    """Another header: what its fields are more than they should be."""
    def spoil(answer):
        was = OUT.unpack_from(answer)
        return OUT.pack((was[0] + length) & 0xffffffff, was[1] + error, was[2] + unique) + \
            answer[OUT.size:]
    return to(LOOKUP, spoil, {EIO}, True)


FAILS, WRONG = {EIO}, {'wrong'}
FILE_LIES = {
    'the answer to another': header(unique=1),
    'a length of none': header(length=-(OUT.size + 128)),
    'longer than it is': header(length=1),
    'longer than any': header(length=0x7fffff00),
    'an error above zero': header(error=5),
    'no error that there is': header(error=-4096),
    'half a header': to(READ, lambda answer: answer[:7], FAILS, True),
    'an error': to(READ, lambda answer: OUT.pack(OUT.size, -errno.ENOSPC,
                                                 OUT.unpack_from(answer)[2]), {-errno.ENOSPC}),
    'success without a body': body(GETATTR, b'', FAILS),
    'half of the attributes': body(GETATTR, bytes(50), FAILS),
    'attributes of another kind': body(GETATTR, bytes(16) + attributes(FILE, mode=0o060644),
                                       FAILS),
    'a size below zero': body(LOOKUP, entry(FILE, size=1 << 63), FAILS),
    'a kind that is none': body(LOOKUP, entry(FILE, mode=0o170000), FAILS),
    'no node': body(LOOKUP, entry(FILE, number=0), {-errno.ENOENT}),
    'the root as a file': body(LOOKUP, entry(ROOT, number=ROOT), {-errno.EISDIR, *WRONG, EIO}),
    'a folder for a file': body(LOOKUP, entry(FILE, mode=0o040755), {-errno.EISDIR, *FAILS}),
    'handle of all ones': body(OPEN, b'\xff' * 16, {0}),
    'half a handle': body(OPEN, b'\xff' * 5, FAILS),
    'short data': body(READ, CONTENT[:5], WRONG),
    'other data': body(READ, CONTENT[::-1], WRONG),
    'data from nowhere': body(READ, CONTENT + bytes(1), WRONG),
}
LIST_LIES = {  # and links
    'a name beyond the list': body(READDIR, directory((b'file', 400)), FAILS),
    'a name of 4 GiB': body(READDIR, directory((b'file', 0xffffffff)), FAILS),
    'a name of nothing': body(READDIR, directory((b'', 0)), FAILS),
    'a path for a name': body(READDIR, directory((b'a/../b', 6)), FAILS),
    'a NUL in a name': body(READDIR, directory((b'fi\0e', 4)), FAILS),
    'half an entry': body(READDIR, directory(*LISTED)[:40], {0}),
    'a list that does not go on': body(READDIR, directory(*LISTED, step=0), {*FAILS, *WRONG}),
    'noise for a list': body(READDIR, bytes(range(7, 255)) * 8, FAILS),
    'a link to nothing': body(READLINK, b'', FAILS),
    'a NUL in a link': body(READLINK, b'fi\0e', FAILS),
    'a link that is too long': body(READLINK, b'x' * 4096, FAILS),
}
FS_LIES = {**FILE_LIES, **LIST_LIES}
# What it says when a session begins: nothing is mounted, and the guest starts without it.
INITS = {
    'another major': dict(major=8),
    'a minor of old': dict(minor=1),
    'writes of nothing': dict(max_write=0),
    'pages of nothing and writes of a byte': dict(max_pages=0, max_write=1),
}
