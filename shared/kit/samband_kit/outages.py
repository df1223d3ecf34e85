"""Outages: what a statement may raise while Postgres is away, stopping or starting."""

import asyncpg

POSTGRES_AWAY = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # A connection that broke in the middle of another statement.
    asyncpg.InternalClientError,
)
