# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""The command line of a program of `make host`."""
import pytest

import backends


def test_help():
    result = backends.run('blkcat', '--help')
    backends.clean(result)
    for word in (b'usage: ', b'memory', b'vhost-user', b'log'):
        assert word in result.stdout


@pytest.mark.parametrize('words, complaint', (
    (('vda',), 'what is this?'),
    (('--vhost-user',), 'it wants a value'),
    (('memory=12"',), 'cannot hold'),
    (('memory=0',), 'is no size'),
    (('memory=7M',), 'less than 8M'),
    (('memory=64X',), 'is no size'),
    (('memory=99999999999999999999G',), 'is no size'),
))
def test_nonsense_is_refused(words, complaint, kind):
    result = backends.run('blkcat', *words, kind=kind)
    assert complaint in backends.clean(result, 119)


@pytest.mark.parametrize('value, complaint', (
    ('disk=/tmp/x', 'a type is one of'),
    ('blk', 'a type is one of'),
    ('blk=', 'a type is one of'),
    ('blk=/tmp/x,size=0', 'size=0 is no number'),
    ('blk=/tmp/x,size=70000', 'is no number'),
    ('blk=/tmp/x,queues=two', 'is no number'),
    ('fs=/tmp/x', 'a tag of 1 to 36 bytes'),
    ('blk=' + '/x' * 100, 'no back end listens'),
    ('net=/nonexistent', 'uses no device of the type net'),
))
def test_bad_devices_are_reported(value, complaint, kind):
    """The program runs on without the device."""
    result = backends.run('blkcat', '--vhost-user', value, kind=kind)
    said = backends.clean(result, 1)
    assert complaint in said and 'blkcat: no such disk' in said


def test_environment_and_unknown_keys():
    result = backends.run('blkcat', 'no_such_key=1', environment={'FERRULE_HOST': 'log=info'})
    said = backends.clean(result, 1)
    assert 'ferrule: booted as a process' in said
    assert 'no_such_key=1: nothing in this image knows this key' in said


@pytest.mark.parametrize('memory', ('8M', '1G', '20000K', str(16 << 20)))
def test_memory(memory, kind):
    backends.clean(backends.run('rngdump', '--memory', memory, '--', '100', kind=kind))
