#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers

"""Writes the symbol table of kernel/symbols.h as an assembly file.

    tools/symbols.py image.elf > symbols.S

Only text symbols are taken. The table must be linked in behind the text, so that adding
it moves no function.
"""

import collections
import os
import re
import subprocess
import sys

KERNEL_BASE = 0xFFFFFFFF80000000
# Below SYMBOL_LOWEST and above SYMBOL_HIGHEST.
FREE_BYTES = [*range(1, ord(".")), *range(ord("z") + 1, 256)]


def read_symbols(lines):
    """Yields (offset, name) of functions, ascending, one name an address."""
    chosen = {}
    for line in lines:
        fields = line.split()
        if len(fields) != 3 or fields[1] not in "tTwWi":
            continue
        address, kind, name = int(fields[0], 16), fields[1], fields[2]
        if address < KERNEL_BASE or name.startswith((".L", "$")):
            continue
        # What tools/private-names has put before a name of the program's.
        name = name.removeprefix("program.")
        old = chosen.get(address)
        # A global name says more than a local or weak alias of it.
        if old is None or (kind == "T" and old[0] != "T"):
            chosen[address] = (kind, name)
    for address in sorted(chosen):
        yield address - KERNEL_BASE, chosen[address][1]


def code(names):
    """The names with bytes that they do not have for pairs of characters, the most frequent
    pair first, and the list of those pairs."""
    text, pairs = "".join(name + "\0" for name in names), []
    ends = {"\0"}  # what a name may end with, and nothing follows
    for byte in FREE_BYTES:
        counts = collections.Counter(map("".join, zip(text, text[1:])))
        pair = max((pair for pair in counts if pair[0] not in ends), key=counts.get, default=None)
        if pair is None or counts[pair] < 3:
            break
        pairs.append(pair)
        if pair[1] in ends:
            ends.add(chr(byte))
        text = text.replace(pair, chr(byte))
    return re.findall(f"[^{''.join(map(re.escape, ends))}]*.", text, re.S), pairs


def in_bytes(text):
    return ", ".join(str(ord(c)) for c in text)


def length_bytes(length):
    while length > 127:
        yield 128 | length & 127
        length >>= 7
    yield length


def write_table(symbols, out):
    # The linker script's text_end is the last text symbol: it ends the last function.
    names, pairs = code([name for _, name in symbols[:-1]])
    out.write("\t.section .symbols, \"a\"\n\t.balign 4\n")
    out.write("\t.globl symbols_base, symbols_start, symbols_end, symbol_pairs\n")
    out.write(f"symbols_base:\n\t.long {symbols[0][0] if symbols else 0:#x}\n")
    out.write("symbols_start:\n")
    for name, (offset, _), (following, _) in zip(names, symbols, symbols[1:]):
        length = ", ".join(str(b) for b in length_bytes(following - offset))
        out.write(f"\t.byte {length}, {in_bytes(name)}\n")
    out.write("symbols_end:\nsymbol_pairs:\n")
    for pair in pairs:
        out.write(f"\t.byte {in_bytes(pair)}\n")
    out.write("\t.section .note.GNU-stack, \"\", @progbits\n")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: symbols.py IMAGE >FILE.S")
    listing = subprocess.run([os.environ.get("NM", "nm"), "-n", sys.argv[1]],
                             check=True, capture_output=True, text=True).stdout
    write_table(list(read_symbols(listing.splitlines())), sys.stdout)


if __name__ == "__main__":
    main()
