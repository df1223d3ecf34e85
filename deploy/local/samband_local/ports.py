"""Ports on this machine: a free one, or a given one that must be free."""

from __future__ import annotations

import socket

from samband_local.problems import PortTaken

LOOPBACK = "127.0.0.1"


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket() as probe:
        # What servers do themselves: a port whose last connections are still
        # winding down (TIME_WAIT) is free for a new server.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """`count` different free ports, chosen by the system."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def fixed(port: int, purpose: str, host: str = LOOPBACK) -> int:
    """`port` itself, or `PortTaken`."""
    if not is_free(port, host):
        raise PortTaken(port, purpose)
    return port
