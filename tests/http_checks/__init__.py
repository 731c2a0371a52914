# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers

"""What a web server must do, as functions of (host, port, folder).

`folder` is a copy of the tree that is being served, made by make_site(). The same checks run
against httpd on Linux (tests/host) and in the guest (tests/qemu). SLOW_CHECKS need a server
that was started with `-t 2` or so and are told that timeout.
"""

from . import contents, many, protocol, wrong
from .client import Client, ask, ask_raw
from .contents import check_get
from .many import SLOW_CHECKS, check_parallel_big
from .site import make_site, site_file

__all__ = ['CHECKS', 'SLOW_CHECKS', 'Client', 'ask', 'ask_raw', 'check_get', 'check_parallel_big', 'make_site',
           'site_file']

CHECKS = contents.CHECKS + protocol.CHECKS + wrong.CHECKS + many.CHECKS
