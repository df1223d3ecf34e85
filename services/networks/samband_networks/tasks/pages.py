"""Button on a network's page: a task is done."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from samband_kit.web.pages import see_other

from samband_networks.edge import Coordinator, pool_of
from samband_networks.tasks import handlers

router = APIRouter(prefix="/natverk/{network_id}/uppgifter/{task_id}")


@router.post("/klar")
async def settle_task(
    request: Request, network_id: UUID, task_id: UUID, by: Coordinator
) -> Response:
    """Mark the task as done and show the network again."""
    await handlers.settle(pool_of(request), network_id, task_id, by=by)
    return see_other(request, "show_network", network_id=network_id)
