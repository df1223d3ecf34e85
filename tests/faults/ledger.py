"""Ledger: the smallest service with everything that can fail in the kit.

It writes facts about networks, reads them back from Kafka as its own
subscriber, notes each one as an effect, and says of each a further fact about
a membership, which it reads and notes as well. So one process has a relay,
consumers, retries and a job, and every link of the way can be checked in one
database. Networks in the table `refused` cannot be applied as long as they
stand there.

    python -m tests.faults.ledger consume
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from samband_contracts.memberships import MembershipLeft
from samband_contracts.networks import (
    NetworkClosed,
    NetworkLaunched,
    NetworkOpened,
    NetworkPaused,
    NetworkResumed,
)
from samband_contracts.topics import MEMBERSHIPS, NETWORKS
from samband_kit import outbox
from samband_kit.operating import operator_cli
from samband_kit.reactions import Reaction
from samband_kit.service import Job, Runtime, Service
from samband_kit.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_contracts.event import CloudEvent
    from samband_kit.database import Connection

# No key that would hide a second effect.
TABLES = """
create table effects (
    position bigint generated always as identity primary key,
    topic text not null,
    key text not null,
    sequence bigint not null,
    event_id uuid not null
);
create table refused (key text primary key);
create table job_runs (at timestamptz not null default now())
"""
SAID = (NetworkOpened, NetworkLaunched, NetworkPaused, NetworkResumed, NetworkClosed)
"""What is said about a network; nothing here minds the order."""


class NotThisOne(Exception):
    """The network stands in the table of those that cannot be applied."""


async def note_network(conn: Connection, events: Sequence[CloudEvent[Any]]) -> None:
    """Note facts about networks and say something of each."""
    keys = [event.subject for event in events]
    if await conn.fetchval("select exists (select from refused where key = any($1))", keys):
        raise NotThisOne
    await _note(conn, NETWORKS.name, events)
    said = [
        MembershipLeft(
            membership_id=event.data.network_id,
            network_id=event.data.network_id,
            organisation_id=event.id,
        )
        for event in events
    ]
    await outbox.append(conn, said, causes=events)


async def note_membership(conn: Connection, events: Sequence[CloudEvent[Any]]) -> None:
    """Note what we said ourselves."""
    await _note(conn, MEMBERSHIPS.name, events)


async def _note(conn: Connection, topic: str, events: Sequence[CloudEvent[Any]]) -> None:
    await conn.execute(
        """
        insert into effects (topic, key, sequence, event_id)
        select $1, * from unnest($2::text[], $3::bigint[], $4::uuid[])
        """,
        topic,
        [event.subject for event in events],
        [event.sequence for event in events],
        [event.id for event in events],
    )


async def _note_the_time(runtime: Runtime) -> None:
    await runtime.pool.execute("insert into job_runs default values")


SERVICE = Service(
    name="ledger",
    package="samband_kit",
    settings=Settings,
    reactions=(
        Reaction(NETWORKS, dict.fromkeys(SAID, note_network)),
        Reaction(MEMBERSHIPS, {MembershipLeft: note_membership}),
    ),
    web=None,
    jobs=(Job("note-the-time", timedelta(seconds=0.5), _note_the_time),),
)

if __name__ == "__main__":
    operator_cli(SERVICE)()
