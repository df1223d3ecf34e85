"""Commands on calls, and the job that closes them."""

from datetime import UTC, datetime
from uuid import UUID

from samband_kit import outbox
from samband_kit.database import Connection, Pool, transaction
from samband_kit.idempotency import once, remember
from samband_kit.ids import new_id

from samband_registration.calls import domain, store
from samband_registration.calls.domain import Call, CallUnknown, OpenCall


async def open_call(pool: Pool, command: OpenCall, *, key: str) -> Call:
    """Announce a call. The same `key` again gives the same call."""
    call_id = new_id()
    async with transaction(pool) as conn:
        known = await once(
            conn,
            f"open-call:{key}",
            {
                "title": command.title.model_dump(),
                "opens_at": command.opens_at,
                "closes_at": command.closes_at,
                "zone": command.zone,
            },
        )
        if known is not None:
            return await _call(conn, UUID(known["call_id"]))
        call, opened = domain.open_call(command, call_id, datetime.now(UTC))
        await store.put(conn, call)
        await outbox.append(conn, [opened])
        await remember(conn, f"open-call:{key}", {"call_id": str(call_id)})
    return call


async def open_call_if_none(pool: Pool, command: OpenCall) -> tuple[Call, bool]:
    """The call that is open or to come, or a new one; whether it is new.

    Safe in any number of processes at once: one of them opens it.
    """
    now = datetime.now(UTC)
    async with transaction(pool) as conn:
        await store.lock_all(conn)
        waiting = [call for call in await store.calls(conn) if not call.is_over(now)]
        if waiting:
            return waiting[0], False
        call, opened = domain.open_call(command, new_id(), now)
        await store.put(conn, call)
        await outbox.append(conn, [opened])
    return call, True


async def close_calls(pool: Pool) -> int:
    """Close every call whose period has passed; how many."""
    now = datetime.now(UTC)
    async with transaction(pool) as conn:
        decisions = [domain.close(call, now) for call in await store.lock_over(conn, now)]
        for call, _ in decisions:
            await store.put(conn, call)
        await outbox.append(conn, [event for _, event in decisions if event is not None])
    return len(decisions)


async def _call(conn: Connection, call_id: UUID) -> Call:
    call = await store.call(conn, call_id)
    if call is None:
        raise CallUnknown
    return call
