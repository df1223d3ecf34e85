"""Edge: what every page and API route of this service begins with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from samband_contracts.values import Role
from samband_kit.database import Connection, Pool
from samband_kit.web.context import runtime_of
from samband_kit.web.sessions import Session, require

from samband_networks.networks import store
from samband_networks.networks.domain import Actor, Network, check_leads


async def _signed_in(
    session: Annotated[Session, Depends(require(Role.STAFF, Role.COORDINATOR))],
) -> Actor:
    return Actor(session.subject, session.roles)


Coordinator = Annotated[Actor, Depends(_signed_in)]
"""Whoever asks: staff or a coordinator, or the route is refused."""


def pool_of(request: Request) -> Pool:
    """The service's database, for commands: they open their own transactions."""
    return runtime_of(request).pool


@asynccontextmanager
async def reading(request: Request) -> AsyncIterator[Connection]:
    """A connection to read with; never hold it while a command runs."""
    async with runtime_of(request).pool.acquire() as conn:
        yield conn


async def led_network(request: Request, network_id: UUID, by: Actor) -> Network:
    """The network, for one who may change it; NetworkUnknown, NotYourNetwork."""
    async with reading(request) as conn:
        network = await store.find(conn, network_id)
    check_leads(network, by)
    return network


def now() -> datetime:
    """The present moment, for rules that look at it."""
    return datetime.now(UTC)
