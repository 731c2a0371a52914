# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
import os
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


@pytest.fixture
def folder():
    """For sockets: their names must be short."""
    path = tempfile.mkdtemp(prefix='ferrule-')
    yield path
    shutil.rmtree(path)


@pytest.fixture(params=('host', 'host-asan'))
def kind(request):
    """Each test that asks for it runs plain and under the sanitizers."""
    return request.param
