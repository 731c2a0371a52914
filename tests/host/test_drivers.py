# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""docs/drivers.md quotes the entropy driver as it is, and names every driver and its files."""
import glob
import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEVICE = os.path.join(TOP, 'virtio', 'device')


def read(*path):
    with open(os.path.join(TOP, *path), encoding='utf-8') as f:
        return f.read()


def test_quotes_are_the_code():
    code = read('virtio', 'device', 'rng.c')
    quotes = re.findall(r'^```c\n(.*?)^```$', read('docs', 'drivers.md'), re.M | re.S)
    assert len(quotes) >= 5
    for quote in quotes:
        assert quote in code, f'not in rng.c:\n{quote}'


def test_every_driver_has_its_row():
    rows = re.findall(r'^\| [^|]+ \| ((?:`[^`]+`(?:, )?)+) \|', read('docs', 'drivers.md'), re.M)
    named = [name for row in rows for name in re.findall(r'`([^`]+)`', row)]
    drivers = [os.path.basename(path) for path in glob.glob(os.path.join(DEVICE, '*.c'))
               if re.search(r'^VIRTIO_DRIVER(_BASIC)?\(', read(path), re.M)]
    assert len(drivers) == 10
    assert set(drivers) <= set(named), set(drivers) - set(named)
    for name in named:
        assert glob.glob(os.path.join(DEVICE, name)), f'{name} is not there'


def test_what_app_mk_may_link():
    """The symbols that LINK brings a driver in by are defined."""
    symbols = re.findall(r'`LINK := (\w+)`', read('docs', 'drivers.md'))
    sources = ''.join(read(path) for room in ('virtio', 'posix', 'fs')
                      for path in glob.glob(os.path.join(TOP, room, '**', '*.c'), recursive=True))
    assert len(symbols) == 4
    for symbol in symbols:
        assert re.search(rf'^[\w *]+\b{symbol}\b *(\(|=)', sources, re.M), symbol
