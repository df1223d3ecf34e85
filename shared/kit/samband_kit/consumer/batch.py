"""Batch: one transaction for positions, effects, outbox rows and parked records.

First everything at once, in sets. If that fails and the fault is not the
infrastructure's, the batch is applied again record by record with savepoints:
the record that fails is parked, what follows it in its key is parked behind
it, and all others are applied. Infrastructure failures are raised, and then
nothing has happened.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from samband_kit import database, outbox
from samband_kit.consumer import parked, positions
from samband_kit.consumer.failures import describe, is_infrastructure
from samband_kit.consumer.plan import (
    Parking,
    Plan,
    Reason,
    decide,
    erased,
    handler_of,
    keys_of,
    rounds,
)
from samband_kit.consumer.positions import Position
from samband_kit.correlation import correlated
from samband_kit.failpoints import Failpoint, reach
from samband_kit.tracing import messaging

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from samband_contracts.event import CloudEvent

    from samband_kit.consumer.positions import Standing
    from samband_kit.consumer.records import Arrived
    from samband_kit.database import Connection, Pool
    from samband_kit.reactions import Handler, Reaction


@dataclass(slots=True)
class Settled:
    """How the records of a batch ended; together they are all that was read.

    `parked` were parked just now; a record that was parked before counts as
    a duplicate. `failure` is the error that made the batch go record by record.
    `erased` counts rows parked earlier that a tombstone has done away with.
    """

    applied: list[Arrived] = field(default_factory=list)
    ignored: list[Arrived] = field(default_factory=list)
    parked: list[Parking] = field(default_factory=list)
    duplicates: int = 0
    erased: int = 0
    woken: bool = False
    failure: Exception | None = None


async def apply_batch(
    pool: Pool,
    reaction: Reaction,
    batch: Sequence[Arrived],
    *,
    on_record: Callable[[], None] = lambda: None,
    stubborn: bool = False,
) -> Settled:
    """Apply a batch and commit.

    `on_record` is called after each record of the slow way, as a sign of life.
    With `stubborn`, whatever a handler raises while its connection lives is the
    record's failure: a time limit it always runs into, a file it always misses.

    Raises:
        Exception: the infrastructure failed; nothing was written.
    """
    try:
        return await _together(pool, reaction, batch)
    except Exception as error:
        if is_infrastructure(error) and not stubborn:
            raise
        settled = await _singly(pool, reaction, batch, on_record, stubborn=stubborn)
        settled.failure = error
        return settled


async def _together(pool: Pool, reaction: Reaction, batch: Sequence[Arrived]) -> Settled:
    keys = keys_of(batch)
    # If all these keys are new, this is what will happen; then it is decided once only.
    plan = decide(reaction, batch, dict.fromkeys(keys, Position()))
    async with database.transaction(pool) as conn:
        standing = await positions.lock(conn, reaction.topic.name, keys, plan.reached)
        if len(standing.begun) < len(keys):
            plan = decide(reaction, batch, standing)
        with outbox.collected() as facts:
            for handler, events in rounds(reaction, plan.accepted):
                await hand_over(conn, handler, events)
        await facts.write(conn)
        return await _write(conn, reaction, plan, standing)


async def _singly(
    pool: Pool,
    reaction: Reaction,
    batch: Sequence[Arrived],
    on_record: Callable[[], None],
    *,
    stubborn: bool,
) -> Settled:
    async with database.transaction(pool) as conn:
        standing = await positions.lock(conn, reaction.topic.name, keys_of(batch))
        plan = decide(reaction, batch, standing)
        await apply_singly(conn, reaction, plan, on_record, stubborn=stubborn)
        return await _write(conn, reaction, plan, standing)


async def apply_singly(
    conn: Connection,
    reaction: Reaction,
    plan: Plan,
    on_record: Callable[[], None] = lambda: None,
    *,
    stubborn: bool = False,
) -> None:
    """Apply what the plan accepted, each record in a savepoint; the plan becomes what happened."""
    with outbox.collected() as facts:
        for key, records in list(plan.accepted.items()):
            done: list[Arrived] = []
            for one in records:
                appended = len(facts.facts)
                try:
                    await _apply_one(conn, reaction, one)
                except Exception as error:
                    passes = is_infrastructure(error) and not stubborn
                    if passes or conn.is_closed():
                        raise
                    facts.forget(appended)
                    plan.parked.append(Parking(one, Reason.FAILED, describe(error)))
                    break
                finally:
                    on_record()
                done.append(one)
            plan.parked.extend(Parking(one, Reason.BEHIND) for one in records[len(done) + 1 :])
            if done:
                plan.accepted[key] = done
                plan.reached[key] = Position(done[-1].number, done[-1].event_id)
            else:
                del plan.accepted[key], plan.reached[key]
    await facts.write(conn)


async def hand_over(conn: Connection, handler: Handler, events: Sequence[CloudEvent[Any]]) -> None:
    """Call the handler with a set, in the correlation of its events if they share one."""
    with messaging.processing(events) as traced:
        first = traced[0]
        if any(event.correlation_id != first.correlation_id for event in traced):
            await handler(conn, traced)
            return
        cause = first.id if len(traced) == 1 else None
        with correlated(first.correlation_id or first.id, cause, traceparent=first.traceparent):
            await handler(conn, traced)


async def _apply_one(conn: Connection, reaction: Reaction, one: Arrived) -> None:
    handler = handler_of(reaction, one)
    if handler is None or one.event is None:
        return
    async with conn.transaction():
        await hand_over(conn, handler, [one.event])


async def _write(
    conn: Connection,
    reaction: Reaction,
    plan: Plan,
    standing: Standing,
) -> Settled:
    await positions.advance(conn, reaction.topic.name, plan.reached, standing.begun)
    newly_parked = await parked.park(conn, reaction.topic, plan.parked)
    erasures = await parked.erase(conn, reaction.topic, erased(reaction, plan))
    woken = [key for key in plan.reached if standing[key].parked_up_to is not None]
    await parked.wake(conn, reaction.topic.name, woken)
    await reach(Failpoint.CONSUMER_APPLIED)
    settled = Settled(parked=newly_parked, ignored=plan.ignored, erased=erasures, woken=bool(woken))
    for records in plan.accepted.values():
        for one in records:
            handled = handler_of(reaction, one) is not None
            (settled.applied if handled else settled.ignored).append(one)
    # What was parked before is a duplicate too.
    settled.duplicates = len(plan.duplicates) + len(plan.parked) - len(newly_parked)
    return settled
