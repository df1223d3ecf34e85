"""JSON API of a network's members."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel
from samband_contracts.values import Organisation
from samband_kit.web.forms import idempotency_key

from samband_networks.edge import Coordinator, pool_of, reading
from samband_networks.memberships import handlers, store
from samband_networks.memberships.domain import State
from samband_networks.networks import store as networks

router = APIRouter(prefix="/api/networks/{network_id}/members", tags=["members"])


class MemberView(BaseModel):
    """An organisation in a network; persons are only counted."""

    membership_id: UUID
    organisation: Organisation
    state: State
    joined_at: datetime
    ended_at: datetime | None
    representatives: int


class Members(BaseModel):
    """Everybody who is or was a member."""

    members: list[MemberView]


@router.get("")
async def members_list(request: Request, network_id: UUID, _by: Coordinator) -> Members:
    """List members, active ones first, in Swedish order of names."""
    async with reading(request) as conn:
        await networks.find(conn, network_id)
        return Members(members=[_view(one) for one in await store.members(conn, network_id)])


@router.post("/{membership_id}/leave")
async def members_leave(
    request: Request, network_id: UUID, membership_id: UUID, by: Coordinator
) -> MemberView:
    """Record that the organisation has left."""
    key = await idempotency_key(request)
    await handlers.leave(pool_of(request), network_id, membership_id, by=by, key=key)
    async with reading(request) as conn:
        return _view(await store.member(conn, network_id, membership_id))


def _view(member: store.Member) -> MemberView:
    return MemberView(
        membership_id=member.membership.membership_id,
        organisation=member.organisation,
        state=member.membership.state,
        joined_at=member.joined_at,
        ended_at=member.ended_at,
        representatives=member.representatives,
    )
