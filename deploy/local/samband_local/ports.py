"""Ports on this machine: a free one, or a given one that must be free."""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping, Sequence

from samband_local.problems import LocalProblem, PortTaken

LOOPBACK = "127.0.0.1"
# Below the range from which systems take the ports of outgoing connections: a
# server that is restarted must not find its port lent out in the meantime.
_RANGE = range(20_000, 32_000)


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
    """`count` different ports that are free now, at random so that two callers rarely meet."""
    found: list[int] = []
    for port in random.sample(_RANGE, len(_RANGE)):
        if is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise LocalProblem("There is no free port left on this machine.")


def fixed(port: int, purpose: str, host: str = LOOPBACK) -> int:
    """`port` itself, or `PortTaken`."""
    if not is_free(port, host):
        raise PortTaken(port, purpose)
    return port


def choose(
    names: Sequence[str], *, fix: Mapping[str, int], last: Mapping[str, int]
) -> dict[str, int]:
    """A port for each name: the one asked for, or last time's if it is free, or a free one.

    Addresses in mails that were sent yesterday so keep working today. Raises
    `PortTaken` for one that was asked for.
    """
    words = {"gateway": "the pages", "mailbox": "the mailbox"}
    chosen = {name: fixed(port, words.get(name, name)) for name, port in fix.items()}
    for name in names:
        port = last.get(name)
        if name not in chosen and port and port not in chosen.values() and is_free(port):
            chosen[name] = port
    missing = [name for name in names if name not in chosen]
    free = iter(free_ports(len(names) + len(missing)))
    for name in missing:
        chosen[name] = next(port for port in free if port not in chosen.values())
    return chosen
