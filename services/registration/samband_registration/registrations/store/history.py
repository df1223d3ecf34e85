"""History: which correlations a registration stands for."""

from uuid import UUID

from samband_contracts.topics import REGISTRATIONS
from samband_kit.database import Connection
from samband_kit.history.reading import correlations_of_key

from samband_registration.registrations.domain.reference import read_reference


async def meanings(conn: Connection, asked: str) -> list[UUID]:
    """Everything that a registration, by its reference or id, has gone through."""
    row = await conn.fetchrow(
        "select registration_id from registrations where reference = $1 or registration_id = $2",
        read_reference(asked),
        _uuid(asked),
    )
    if row is None:
        return []
    return await correlations_of_key(conn, REGISTRATIONS, str(row["registration_id"]))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
