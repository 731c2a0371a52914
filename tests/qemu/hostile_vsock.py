# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""A socket device that may lie in its rings, and a host that echoes on one port (VIRTIO 1.3
§5.10). What it can say in packets is test_vsock.py's."""
import errno

import vhost_user
import vsock
from liar import EAGAIN, ENODEV, Liar, differently

RX, TX = 0, 1
ECHO_PORT = 7


class Vsock(vsock.Vsock, Liar):
    kind, name_in_guest = 'vsock', 'vsock0'
    # A connection does not live through a reset; a packet that is lost is waited for in vain.
    lost = {EAGAIN, -errno.ETIMEDOUT}
    broken = {0, -errno.ECONNRESET, ENODEV, *lost}
    overrides = {
        (RX, 'id again'): None,  # the driver has given it back by then: it is in flight
        (RX, 'id of another'): differently('id of another', None, lost),
        (RX, 'unwritten'): differently('unwritten', False, lost),
        (TX, 'id again'): differently('id again', None, None),
    }

    def __init__(self, path, packed=False):
        super().__init__(path, self.echo, [ECHO_PORT], packed=packed)

    @staticmethod
    def echo(connection, packet):
        if connection and packet.op == vsock.RW:
            connection.send(vsock.RW, packet.payload)
        elif connection and packet.op == vsock.SHUTDOWN:
            connection.send(vsock.RST)
            connection.open = False

    def set(self, request, payload, fds):
        if request == vhost_user.SET_MEM_TABLE:  # the driver begins anew
            self.connections.clear()
            self.waiting.clear()
        super().set(request, payload, fds)
