"""JSON API of a coordinator's tasks."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel

from samband_networks.edge import Coordinator, pool_of, reading
from samband_networks.networks import store as networks
from samband_networks.tasks import handlers, store
from samband_networks.tasks.domain import TaskKind

router = APIRouter(prefix="/api/networks/{network_id}/tasks", tags=["tasks"])


class TaskView(BaseModel):
    """Something to see to."""

    task_id: UUID
    kind: TaskKind
    organisation_name: str
    raised_at: datetime


class Tasks(BaseModel):
    """What waits, the oldest first."""

    tasks: list[TaskView]


@router.get("")
async def tasks_list(request: Request, network_id: UUID, _by: Coordinator) -> Tasks:
    """List what waits in a network."""
    return await _waiting(request, network_id)


@router.post("/{task_id}/done")
async def tasks_settle(request: Request, network_id: UUID, task_id: UUID, by: Coordinator) -> Tasks:
    """Mark a task as done, and list what is left."""
    await handlers.settle(pool_of(request), network_id, task_id, by=by)
    return await _waiting(request, network_id)


async def _waiting(request: Request, network_id: UUID) -> Tasks:
    async with reading(request) as conn:
        await networks.find(conn, network_id)
        waiting = await store.waiting(conn, network_id)
    return Tasks(
        tasks=[
            TaskView(
                task_id=task.task_id,
                kind=task.kind,
                organisation_name=task.organisation_name,
                raised_at=task.raised_at,
            )
            for task in waiting
        ]
    )
