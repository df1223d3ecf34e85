"""JSON API of networks, for programs of coordinators and staff.

Every command needs the header `Idempotency-Key` with a UUID: the same key
twice is one command.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict
from samband_contracts.values import Localised
from samband_kit.web.forms import idempotency_key

from samband_networks.answers import Capacity, NetworkName, Round
from samband_networks.edge import Coordinator, now, pool_of, reading
from samband_networks.networks import handlers, store
from samband_networks.networks.domain import Network, State, Trigger, allowed

router = APIRouter(prefix="/api/networks", tags=["networks"])


class Name(BaseModel):
    """A name in both languages."""

    model_config = ConfigDict(extra="forbid")

    sv: NetworkName
    en: NetworkName


class NewNetwork(BaseModel):
    """A network to be planned; without `coordinator_id` its coordinator is whoever asks."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    round: Round = 1
    call_id: UUID | None = None
    capacity: Capacity | None = None
    coordinator_id: UUID | None = None


class NetworkView(BaseModel):
    """A network, and the steps that are possible now."""

    network_id: UUID
    name: Localised
    round: int
    call_id: UUID | None
    coordinator_id: UUID
    capacity: int | None
    state: State
    allowed: tuple[Trigger, ...]


class NetworkPage(BaseModel):
    """Networks, the newest first; `next` is the `after` of the page that follows."""

    networks: list[NetworkView]
    next: UUID | None


@router.get("")
async def networks_list(
    request: Request,
    _by: Coordinator,
    state: Annotated[list[State] | None, Query()] = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> NetworkPage:
    """List networks."""
    async with reading(request) as conn:
        found = await store.page(conn, states=state or list(State), after=after, limit=limit + 1)
    listed = [_view(one.network) for one in found[:limit]]
    return NetworkPage(networks=listed, next=listed[-1].network_id if len(found) > limit else None)


@router.post("", status_code=201)
async def networks_create(
    request: Request, response: Response, body: NewNetwork, by: Coordinator
) -> NetworkView:
    """Plan a network."""
    network_id = await handlers.create_network(
        pool_of(request),
        handlers.CreateNetwork(
            name=Localised(sv=body.name.sv, en=body.name.en),
            round=body.round,
            call_id=body.call_id,
            capacity=body.capacity,
            coordinator_id=body.coordinator_id,
        ),
        by=by,
        key=await idempotency_key(request),
    )
    response.headers["Location"] = f"/api/networks/{network_id}"
    return await _shown(request, network_id)


@router.get("/{network_id}")
async def networks_show(request: Request, network_id: UUID, _by: Coordinator) -> NetworkView:
    """Show one network."""
    return await _shown(request, network_id)


@router.post("/{network_id}/{trigger}")
async def networks_move(
    request: Request, network_id: UUID, trigger: Trigger, by: Coordinator
) -> NetworkView:
    """Move the network a step on; `allowed` of a network says which steps are possible."""
    key = await idempotency_key(request)
    await handlers.move_network(pool_of(request), network_id, trigger, by=by, key=key, now=now())
    return await _shown(request, network_id)


async def _shown(request: Request, network_id: UUID) -> NetworkView:
    async with reading(request) as conn:
        return _view(await store.find(conn, network_id))


def _view(network: Network) -> NetworkView:
    return NetworkView(
        network_id=network.network_id,
        name=network.name,
        round=network.round,
        call_id=network.call_id,
        coordinator_id=network.coordinator_id,
        capacity=network.capacity,
        state=network.state,
        allowed=allowed(network.state),
    )
