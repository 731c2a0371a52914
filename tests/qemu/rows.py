# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""Reads machines.txt; its words are explained there."""
import configparser
import itertools
import os

import qemu

HERE = os.path.dirname(os.path.abspath(__file__))
# A row for each word of these.
PRODUCT = ('door', 'machine', 'memory', 'cpu')
KEYS = PRODUCT + ('image', 'cmdline', 'initrd', 'disks', 'devices', 'variants', 'console',
                  'expect', 'forbid', 'status', 'check', 'timeout')


class Row:
    """One machine: the words of its section as attributes."""

    def __init__(self, name, values):
        self.name = name
        self.__dict__.update(values)

    def __str__(self):
        return self.name


def lines(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


def image_path(name):
    return os.path.join(qemu.ROOT, 'build', name + '.elf')


def expand(section, words):
    """The rows of one section."""
    unknown = set(words) - set(KEYS)
    if unknown:
        raise ValueError(f'machines.txt: [{section}] has unknown words: {unknown}')
    choices = [words[key].split() for key in PRODUCT]
    variants = [[part.strip() for part in (line + ':').split(':', 1)]
                for line in lines(words.get('variants', ''))] or [['', '']]
    for *chosen, (variant, text) in itertools.product(*choices, variants):
        several = [c for c, all_of_it in zip(chosen, choices) if len(all_of_it) > 1]
        name = '-'.join([section, *([variant] if variant else []), *several])
        text = text.rstrip(':')
        devices = [word for line in lines(words.get('devices', ''))
                   for word in line.replace('{v}', text).split()]
        yield Row(name, {
            **dict(zip(PRODUCT, chosen)), 'image': words['image'],
            'cmdline': words.get('cmdline', ''), 'devices': devices,
            'disks': words.get('disks', '').split(),
            'initrd': words.get('initrd', '').split(),
            'console': words.get('console') == 'yes',
            'expect': lines(words.get('expect', '')),
            'forbid': lines(words.get('forbid', '')),
            'status': status_number(words['status']),
            'check': words.get('check', '').split(),
            'timeout': float(words['timeout'])})


def status_number(word):
    return qemu.STATUS[word] if word in qemu.STATUS else int(word)


def read(path=os.path.join(HERE, 'machines.txt')):
    parser = configparser.ConfigParser(interpolation=None, delimiters=('=',),
                                       comment_prefixes=('#',))
    with open(path, encoding='utf-8') as f:
        parser.read_file(f)
    rows = [row for section in parser.sections() for row in expand(section, parser[section])]
    names = [row.name for row in rows]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f'machines.txt: names given twice: {sorted(twice)}')
    return rows
