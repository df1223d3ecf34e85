"""SQL of networks."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
from samband_contracts.values import Localised
from samband_kit.database import Connection

from samband_networks.networks.domain import (
    CallTaken,
    Network,
    NetworkExists,
    NetworkUnknown,
    State,
)

_COLUMNS = "network_id, name_sv, name_en, round, call_id, coordinator_id, capacity, state"


@dataclass(frozen=True, slots=True)
class Listed:
    """A network with what the coordinators' list says about it."""

    network: Network
    members: int
    tasks: int
    next_meeting_at: datetime | None


async def insert(conn: Connection, network: Network) -> None:
    """Write a new network.

    Raises NetworkExists for a name and round that are there already,
    CallTaken for a call that feeds another network.
    """
    try:
        await conn.execute(
            """
            insert into networks
              (network_id, name_sv, name_en, round, call_id, coordinator_id, capacity, state)
            values ($1, $2, $3, $4, $5, $6, $7, $8)
            """,
            network.network_id,
            network.name.sv,
            network.name.en,
            network.round,
            network.call_id,
            network.coordinator_id,
            network.capacity,
            network.state,
        )
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == "networks_one_per_call":
            raise CallTaken from error
        if error.constraint_name == "networks_name_and_round":
            raise NetworkExists from error
        raise


async def find(conn: Connection, network_id: UUID) -> Network:
    """The network; NetworkUnknown if there is none."""
    row = await conn.fetchrow(
        f"select {_COLUMNS} from networks where network_id = $1",  # noqa: S608 - constant
        network_id,
    )
    if row is None:
        raise NetworkUnknown
    return _network(row)


async def lock(conn: Connection, network_id: UUID) -> Network:
    """The network, locked until the transaction ends; NetworkUnknown if there is none."""
    row = await conn.fetchrow(
        f"select {_COLUMNS} from networks where network_id = $1 for no key update",  # noqa: S608 - constant
        network_id,
    )
    if row is None:
        raise NetworkUnknown
    return _network(row)


async def lock_fed_by(conn: Connection, call_ids: Collection[UUID]) -> dict[UUID, Network]:
    """The network that each call feeds, locked in order; calls without one are left out.

    The living network of a call, or else the one that ended last.
    """
    rows = await conn.fetch(
        f"""
        select {_COLUMNS} from networks
        where call_id = any($1::uuid[])
        order by network_id for no key update
        """,  # noqa: S608 - constant
        list(call_ids),
    )
    fed: dict[UUID, Network] = {}
    for network in map(_network, rows):
        if network.call_id is None:
            continue
        before = fed.get(network.call_id)
        if before is None or before.state in (State.CLOSED, State.CANCELLED):
            fed[network.call_id] = network
    return fed


async def set_state(conn: Connection, network: Network) -> None:
    """Write the network's new state."""
    await conn.execute(
        "update networks set state = $2, changed_at = now() where network_id = $1",
        network.network_id,
        network.state,
    )


async def page(
    conn: Connection, *, states: Collection[State], after: UUID | None, limit: int
) -> list[Listed]:
    """Networks in these states, the newest first, from the one after `after`."""
    rows = await conn.fetch(
        f"""
        select {_COLUMNS},
          (select count(*) from memberships
             where memberships.network_id = networks.network_id and state = 'active') as members,
          (select count(*) from tasks
             where tasks.network_id = networks.network_id and done_at is null) as tasks,
          (select min(starts_at) from meetings
             where meetings.network_id = networks.network_id
               and meetings.state = 'scheduled' and starts_at > now()) as next_meeting_at
        from networks
        where state = any($1::text[]) and ($2::uuid is null or network_id < $2)
        order by network_id desc
        limit $3
        """,  # noqa: S608 - constant
        list(states),
        after,
        limit,
    )
    return [
        Listed(_network(row), row["members"], row["tasks"], row["next_meeting_at"]) for row in rows
    ]


async def count(conn: Connection, states: Collection[State]) -> int:
    """How many networks are in these states."""
    found: int = await conn.fetchval(
        "select count(*) from networks where state = any($1::text[])", list(states)
    )
    return found


def _network(row: asyncpg.Record) -> Network:
    return Network(
        network_id=row["network_id"],
        name=Localised(sv=row["name_sv"], en=row["name_en"]),
        round=row["round"],
        call_id=row["call_id"],
        coordinator_id=row["coordinator_id"],
        capacity=row["capacity"],
        state=State(row["state"]),
    )
