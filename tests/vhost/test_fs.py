# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""The file system driver in a Linux process, against virtiofsd."""
import os

import pytest

import backends


@pytest.mark.skipif(not backends.VIRTIOFSD or os.geteuid() != 0, reason='no virtiofsd, or not root')
@pytest.mark.parametrize('size', (4, 64, 1024))
@pytest.mark.parametrize('length', (0, 1, 1000003))
def test_copy(folder, kind, size, length, tmp_path):
    """[FS-01] [FS-05]: a file is read and written, whatever the ring's size."""
    (tmp_path / 'from').write_bytes(os.urandom(length))
    with backends.Virtiofsd(folder, tmp_path) as daemon:
        result = backends.run('fstest', f'vhost-user=fs={daemon.socket},size={size},tag=host',
                              '--', 'host', 'from', 'to', kind=kind)
        backends.clean(result)
    assert (tmp_path / 'to').read_bytes() == (tmp_path / 'from').read_bytes()
