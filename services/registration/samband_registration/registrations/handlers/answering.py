"""What staff do: open the dialogue, accept, decline; merge a duplicate or keep it.

Every command has a key: sent again, it has no second effect and gives the
same answer. Another command on a registration that has moved on meanwhile is
refused, and the refusal names what is possible now.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol, TypeAlias
from uuid import UUID

from samband_kit.database import Connection, Pool, transaction
from samband_kit.idempotency import once, remember

from samband_registration.registrations.domain.machine import (
    Accept,
    Command,
    Decline,
    Keep,
    Open,
    Registration,
    State,
    trigger_of,
)
from samband_registration.registrations.handlers.writing import (
    Actor,
    apply,
    held,
    held_first,
    held_with_organisation,
    merge,
)

Change: TypeAlias = Callable[[Connection, Actor], Awaitable[Registration]]


class Answer(Protocol):
    """A command of staff on one registration."""

    def __call__(
        self, pool: Pool, registration_id: UUID, *, account_id: UUID, key: str
    ) -> Awaitable[State]: ...


async def open_dialogue(pool: Pool, registration_id: UUID, *, account_id: UUID, key: str) -> State:
    """Begin the dialogue with the organisation."""
    return await _apply_once(pool, registration_id, Open(), account_id, key)


async def accept(pool: Pool, registration_id: UUID, *, account_id: UUID, key: str) -> State:
    """Give the organisation, and its counterpart where named, a place."""
    return await _apply_once(pool, registration_id, Accept(), account_id, key)


async def decline(pool: Pool, registration_id: UUID, *, account_id: UUID, key: str) -> State:
    """Tell the organisation that there is no place for it."""
    return await _apply_once(pool, registration_id, Decline(), account_id, key)


async def keep(pool: Pool, registration_id: UUID, *, account_id: UUID, key: str) -> State:
    """It is no duplicate: let it stand on its own."""
    return await _apply_once(pool, registration_id, Keep(), account_id, key)


async def merge_duplicate(
    pool: Pool, registration_id: UUID, *, account_id: UUID, key: str
) -> State:
    """Make it a part of the one that it repeats; its contact persons follow."""

    async def change(conn: Connection, actor: Actor) -> Registration:
        before = await held_with_organisation(conn, registration_id)
        return await merge(conn, before, await held_first(conn, before), actor)

    return await _once(pool, f"merge {registration_id}", change, account_id, key)


COMMANDS: Final[Mapping[str, Answer]] = {
    "open": open_dialogue,
    "accept": accept,
    "decline": decline,
    "merge": merge_duplicate,
    "keep": keep,
}
"""Every command by its trigger's name, for whoever dispatches: pages and API."""


async def _apply_once(
    pool: Pool, registration_id: UUID, command: Command, account_id: UUID, key: str
) -> State:
    async def change(conn: Connection, actor: Actor) -> Registration:
        return await apply(conn, await held(conn, registration_id), command, actor)

    return await _once(pool, f"{trigger_of(command)} {registration_id}", change, account_id, key)


async def _once(pool: Pool, command: str, change: Change, account_id: UUID, key: str) -> State:
    async with transaction(pool) as conn:
        known = await once(conn, f"answer:{key}", {"command": command})
        if known is not None:
            return State(known["state"])
        after = await change(conn, Actor("staff", account_id))
        await remember(conn, f"answer:{key}", {"state": after.state})
    return after.state
