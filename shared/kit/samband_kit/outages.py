"""Outages: what a statement may raise while Postgres is away, stopping or starting.

Two lists, because two questions are asked. Who only asks whether Postgres is
there takes every error for a no: `POSTGRES_AWAY`. Who sends data must tell an
outage from an error that the data or our own SQL brought about: `PASSING`.
"""

import asyncpg

POSTGRES_AWAY = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # A connection that broke in the middle of another statement.
    asyncpg.InternalClientError,
)

PASSING_ANSWERS = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""What Postgres itself says when the same statement may succeed later."""

PASSING = (
    *PASSING_ANSWERS,
    # Of a connection that was closed under us, or broke in the middle of another statement.
    asyncpg.InternalClientError,
    OSError,
)
"""Everything that may pass by itself, however healthy the statement was."""

LOCAL_FILES = (FileNotFoundError, FileExistsError, PermissionError, NotADirectoryError)
"""The kinds of `OSError` that are about files, and no outage."""
