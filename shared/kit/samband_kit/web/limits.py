"""Limits: how often something may be done, counted in Postgres for all processes together.

Attempts are spent on the pool, not in the transaction of the work: a refused
one must count although its transaction rolls back.
"""

from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from asyncpg import Record
from starlette.requests import Request

from samband_kit.database import Connection, Pool
from samband_kit.errors import TooMany
from samband_kit.web.context import runtime_of
from samband_kit.web.signing import keyed_hash


async def spend(conn: Connection, bucket: str, *, limit: int, per: timedelta) -> None:
    """Count one use of `bucket` in the caller's transaction; the window begins with its first use.

    Raises TooMany with the fact `retry_after` (seconds, at least 1), which
    becomes the header Retry-After.
    """
    _judge(await conn.fetchrow(_SPEND.format(source=""), bucket, per), limit)


async def spend_attempt(pool: Pool, bucket: str, *, limit: int, per: timedelta) -> None:
    """Count one use of `bucket` at once, whatever becomes of the work. Raises as `spend`.

    Its commit does not wait for the disk: everybody counts in the same few
    rows, and would queue behind each other's writing. A crash of Postgres
    forgets the last attempts, which nobody was promised.
    """
    _judge(await pool.fetchrow(_SPEND.format(source=_DO_NOT_WAIT), bucket, per), limit)


_SPEND = """
insert into rate_limits as used (bucket, spent, expires_at)
select $1, 1, clock_timestamp() + $2::interval {source}
on conflict (bucket) do update set
  spent = case when used.expires_at <= clock_timestamp() then 1 else used.spent + 1 end,
  expires_at = case when used.expires_at <= clock_timestamp()
    then excluded.expires_at else used.expires_at end
returning spent, ceil(extract(epoch from expires_at - clock_timestamp()))::int as seconds
"""
# For this one statement, which is a transaction of its own.
_DO_NOT_WAIT = "from set_config('synchronous_commit', 'off', true)"


def _judge(row: Record | None, limit: int) -> None:
    if row is not None and row["spent"] > limit:
        raise TooMany(retry_after=max(1, row["seconds"]))


def visitor(request: Request, action: str) -> str:
    """The bucket of this visitor for `action`: a keyed hash of the address's /24 or, in IPv6, /64.

    The address is the client's, which uvicorn takes from the trusted proxy.
    """
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return keyed(request, action, host)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    network = ip_network((address, 24 if address.version == 4 else 64), strict=False)
    return keyed(request, action, str(network))


def keyed(request: Request, action: str, value: str) -> str:
    """The bucket of a value that must not be stored, such as an e-mail address."""
    key = runtime_of(request).settings.keys[0]
    return f"{action}:{keyed_hash(key, f'limit.{action}', value)}"
