"""Limits: how often something may be done, counted in Postgres for all processes together.

Spend on a connection of its own, not in the transaction of the work: a
refused attempt must count although its transaction rolls back.
"""

from datetime import timedelta

from starlette.requests import Request

from samband_kit.database import Connection, Pool


async def spend(conn: Connection | Pool, bucket: str, *, limit: int, per: timedelta) -> None:
    """Count one use of `bucket`; the window of `per` begins with its first use.

    Raises TooMany with the fact `retry_after` (seconds, at least 1), which
    becomes the header Retry-After.
    """
    raise NotImplementedError


def visitor(request: Request, action: str) -> str:
    """The bucket of this visitor for `action`: keyed hash of the address, /24 for IPv4 and /64 for IPv6.

    The address is the client's that uvicorn found through the trusted proxy.
    """
    raise NotImplementedError


def keyed(request: Request, action: str, value: str) -> str:
    """The bucket of a value that must not be stored, such as an e-mail address."""
    raise NotImplementedError
