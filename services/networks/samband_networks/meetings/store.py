"""SQL of meetings."""

from collections.abc import Mapping
from uuid import UUID

import asyncpg
from samband_contracts.values import Localised, MeetingForm, MeetingKind
from samband_kit.database import Connection

from samband_networks.meetings.domain import (
    KickoffExists,
    Meeting,
    MeetingUnknown,
    Plan,
    State,
    Times,
)

_COLUMNS = """
meeting_id, network_id, kind, state, title_sv, title_en, agenda_sv, agenda_en,
starts_at, ends_at, zone, form, digital_link, revision
"""


async def insert(conn: Connection, meeting: Meeting) -> None:
    """Write a new meeting; KickoffExists if the network has a kickoff already."""
    try:
        await conn.execute(
            f"""
            insert into meetings ({_COLUMNS})
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
            """,  # noqa: S608 - constant
            *_values(meeting),
        )
    except asyncpg.UniqueViolationError as error:
        raise KickoffExists from error


async def update(conn: Connection, meeting: Meeting) -> None:
    """Write the meeting as it is now; KickoffExists if it became a second kickoff."""
    try:
        await conn.execute(
            """
            update meetings
            set kind = $3, state = $4, title_sv = $5, title_en = $6, agenda_sv = $7,
                agenda_en = $8, starts_at = $9, ends_at = $10, zone = $11, form = $12,
                digital_link = $13, revision = $14, changed_at = now()
            where meeting_id = $1 and network_id = $2
            """,
            *_values(meeting),
        )
    except asyncpg.UniqueViolationError as error:
        raise KickoffExists from error


async def find(conn: Connection, network_id: UUID, meeting_id: UUID) -> Meeting:
    """The meeting; MeetingUnknown if this network has none of that id."""
    row = await conn.fetchrow(
        f"select {_COLUMNS} from meetings where network_id = $1 and meeting_id = $2",  # noqa: S608 - constant
        network_id,
        meeting_id,
    )
    if row is None:
        raise MeetingUnknown
    return _meeting(row)


async def lock(conn: Connection, network_id: UUID, meeting_id: UUID) -> Meeting:
    """The meeting, locked; MeetingUnknown if this network has none of that id."""
    row = await conn.fetchrow(
        f"""
        select {_COLUMNS} from meetings where network_id = $1 and meeting_id = $2 for no key update
        """,  # noqa: S608 - constant
        network_id,
        meeting_id,
    )
    if row is None:
        raise MeetingUnknown
    return _meeting(row)


async def lock_kickoff(conn: Connection, network_id: UUID) -> Meeting | None:
    """The network's kickoff that is not cancelled, locked."""
    row = await conn.fetchrow(
        f"""
        select {_COLUMNS} from meetings
        where network_id = $1 and kind = 'kickoff' and state <> 'cancelled' for no key update
        """,  # noqa: S608 - constant
        network_id,
    )
    return None if row is None else _meeting(row)


async def of_network(conn: Connection, network_id: UUID) -> list[Meeting]:
    """All meetings of a network in order of time, cancelled ones included."""
    rows = await conn.fetch(
        f"""
        select {_COLUMNS} from meetings where network_id = $1
        order by starts_at, meeting_id
        limit 500
        """,  # noqa: S608 - constant
        network_id,
    )
    return [_meeting(row) for row in rows]


async def count(conn: Connection, network_id: UUID) -> Mapping[tuple[MeetingKind, State], int]:
    """How many meetings of each kind and state a network has."""
    rows = await conn.fetch(
        """
        select kind, state, count(*) as number from meetings
        where network_id = $1 group by kind, state
        """,
        network_id,
    )
    return {(MeetingKind(row["kind"]), State(row["state"])): row["number"] for row in rows}


def _values(meeting: Meeting) -> tuple[object, ...]:
    plan = meeting.plan
    return (
        meeting.meeting_id,
        meeting.network_id,
        plan.kind,
        meeting.state,
        plan.title.sv,
        plan.title.en,
        plan.agenda.sv,
        plan.agenda.en,
        plan.times.starts_at,
        plan.times.ends_at,
        plan.times.zone,
        plan.form,
        plan.digital_link,
        meeting.revision,
    )


def _meeting(row: asyncpg.Record) -> Meeting:
    return Meeting(
        meeting_id=row["meeting_id"],
        network_id=row["network_id"],
        plan=Plan(
            kind=MeetingKind(row["kind"]),
            title=Localised(sv=row["title_sv"], en=row["title_en"]),
            agenda=Localised(sv=row["agenda_sv"], en=row["agenda_en"]),
            times=Times(row["starts_at"], row["ends_at"], row["zone"]),
            form=MeetingForm(row["form"]),
            digital_link=row["digital_link"],
        ),
        state=State(row["state"]),
        revision=row["revision"],
    )
