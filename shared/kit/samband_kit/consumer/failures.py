"""Failures: the record's fault, or the world's?

A deterministic failure comes again however often the record is read: it is
parked. A failure of the infrastructure passes: the batch is rolled back and
read again, for as long as it takes. Taking the first for the second holds up
everybody; taking the second for the first parks healthy records. So a failure that comes again and again while Postgres
answers is the record's after all, whatever its class; see `apply_batch`.
"""

import random
import traceback

import asyncpg

from samband_kit.outages import LOCAL_FILES, PASSING

_INFRASTRUCTURE = (
    *PASSING,
    asyncpg.InternalServerError,
    asyncpg.InvalidAuthorizationSpecificationError,
    # A plan of before a migration; the next attempt makes a new one.
    asyncpg.InvalidCachedStatementError,
    MemoryError,
)

_LONGEST_ERROR = 4000


def is_infrastructure(error: Exception) -> bool:
    """Whether the failure may pass by itself."""
    return isinstance(error, _INFRASTRUCTURE) and not isinstance(error, LOCAL_FILES)


def delay(attempt: int, *, first: float, longest: float) -> float:
    """Seconds to wait after the `attempt`th failure in a row, counted from 1, with jitter."""
    grown = min(first * 2.0 ** min(attempt - 1, 32), longest)
    return grown * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards no secret


def summary(error: BaseException) -> str:
    """The error in one line, for the log of an infrastructure failure."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


def kind(description: str) -> str:
    """The class alone of a `describe`d error: the message may hold what people wrote."""
    return description.partition(":")[0]


def where(error: BaseException) -> str:
    """The class and where in our code, without the message: for the log."""
    return f"{type(error).__name__}\n{_frames(error)}"


def describe(error: BaseException) -> str:
    """The error for an operator: what, and where in our code.

    Of the message only the first line: Postgres puts the row itself, which may
    be personal data, into its DETAIL.
    """
    return f"{summary(error)}\n{_frames(error)}".replace("\0", "")[:_LONGEST_ERROR]


def _frames(error: BaseException) -> str:
    return "".join(traceback.format_tb(error.__traceback__)[-3:])
