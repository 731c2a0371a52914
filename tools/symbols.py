#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers

"""Writes the symbol table of kernel/symbols.h as an assembly file.

    tools/symbols.py image.elf > symbols.S

Only text symbols are taken. The table must be linked in behind the text, so that adding
it moves no function.
"""

import os
import subprocess
import sys

KERNEL_BASE = 0xFFFFFFFF80000000


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
        old = chosen.get(address)
        # A global name says more than a local or weak alias of it.
        if old is None or (kind == "T" and old[0] != "T"):
            chosen[address] = (kind, name)
    for address in sorted(chosen):
        yield address - KERNEL_BASE, chosen[address][1]


def write_table(symbols, out):
    names = {}
    size = 0
    out.write("\t.section .symbols, \"a\"\n\t.balign 8\n")
    out.write("\t.globl symbols_start, symbols_end, symbol_names\nsymbols_start:\n")
    for offset, name in symbols[:-1]:
        if name not in names:
            names[name] = size
            size += len(name) + 1
        out.write(f"\t.long {offset:#x}, {names[name]}\n")
    # The linker script's text_end is the last text symbol: it ends the last function.
    out.write(f"\t.long {symbols[-1][0] if symbols else 0:#x}, {size}\n")
    out.write("symbols_end:\nsymbol_names:\n")
    for name in names:
        out.write(f"\t.asciz \"{name}\"\n")
    out.write("\t.byte 0\n\t.section .note.GNU-stack, \"\", @progbits\n")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: symbols.py IMAGE >FILE.S")
    listing = subprocess.run([os.environ.get("NM", "nm"), "-n", sys.argv[1]],
                             check=True, capture_output=True, text=True).stdout
    write_table(list(read_symbols(listing.splitlines())), sys.stdout)


if __name__ == "__main__":
    main()
