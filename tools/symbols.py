#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers

"""Writes the symbol table of kernel/symbols.h as an assembly file.

    nm -n image.elf | tools/symbols.py > symbols.S

Only text symbols are taken. The table must be linked in behind the text, so that adding
it moves no function.
"""

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
    for offset, name in symbols:
        if name not in names:
            names[name] = size
            size += len(name) + 1
        out.write(f"\t.long {offset:#x}, {names[name]}\n")
    end = max((offset for offset, _ in symbols), default=0) + 4096
    out.write(f"\t.long {end:#x}, {size}\n")
    out.write("symbols_end:\nsymbol_names:\n")
    for name in names:
        out.write(f"\t.asciz \"{name}\"\n")
    out.write("\t.byte 0\n\t.section .note.GNU-stack, \"\", @progbits\n")


if __name__ == "__main__":
    write_table(list(read_symbols(sys.stdin)), sys.stdout)
