"""SQL of tasks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from samband_kit.database import Connection

from samband_networks.tasks.domain import Task, TaskKind


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A task that waits, with the name of the organisation that it is about."""

    task_id: UUID
    kind: TaskKind
    organisation_name: str
    raised_at: datetime


async def raise_tasks(conn: Connection, tasks: Sequence[Task]) -> None:
    """Write these tasks; one that was raised before, done or not, stays as it is."""
    await conn.execute(
        """
        insert into tasks (task_id, network_id, kind, organisation_id, registration_id)
        select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[])
        on conflict (network_id, kind, organisation_id, registration_id) do nothing
        """,
        [task.task_id for task in tasks],
        [task.network_id for task in tasks],
        [task.kind for task in tasks],
        [task.organisation_id for task in tasks],
        [task.registration_id for task in tasks],
    )


async def waiting(conn: Connection, network_id: UUID) -> list[OpenTask]:
    """What waits in a network, the oldest first."""
    rows = await conn.fetch(
        """
        select task_id, tasks.kind, organisations.name, raised_at
        from tasks join organisations using (organisation_id)
        where network_id = $1 and done_at is null
        order by raised_at, task_id
        limit 500
        """,
        network_id,
    )
    return [
        OpenTask(row["task_id"], TaskKind(row["kind"]), row["name"], row["raised_at"])
        for row in rows
    ]


async def settle(conn: Connection, network_id: UUID, task_id: UUID, by: UUID) -> bool:
    """Mark the task as done; the first to do so is remembered. False if there is none."""
    found = await conn.fetchval(
        """
        update tasks
        set done_at = coalesce(done_at, now()), done_by = coalesce(done_by, $3)
        where network_id = $1 and task_id = $2
        returning true
        """,
        network_id,
        task_id,
        by,
    )
    return found is not None
