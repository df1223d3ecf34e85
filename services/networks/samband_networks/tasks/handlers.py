"""Seeing to tasks."""

from uuid import UUID

from samband_kit.database import Pool, transaction

from samband_networks.networks import store as networks
from samband_networks.networks.domain import Actor, check_leads
from samband_networks.tasks import store
from samband_networks.tasks.domain import TaskUnknown


async def settle(pool: Pool, network_id: UUID, task_id: UUID, *, by: Actor) -> None:
    """Mark a task as done. Doing so again changes nothing."""
    async with transaction(pool) as conn:
        check_leads(await networks.find(conn, network_id), by)
        if not await store.settle(conn, network_id, task_id, by.account_id):
            raise TaskUnknown
