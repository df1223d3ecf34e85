"""What one correlation led to: events, what became of them, in one order of time."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from cloudevents.core.formats.json import JSONFormat
from samband_contracts.topics import CONTACT_STATE, MEMBERSHIPS, NETWORKS
from samband_kit import database, outbox
from samband_kit.consumer import inspection
from samband_kit.consumer.batch import apply_batch
from samband_kit.consumer.retries import heal
from samband_kit.correlation import Correlation
from samband_kit.database import open_pool
from samband_kit.history import Fate, Happening, History, State, merge, reading
from samband_kit.history.timeline import lines
from samband_kit.ids import new_id
from samband_kit.testing import service_settings

from tests.kit.at_the_keyboard import invoke
from tests.kit.effects import TABLE, arrived, described, joined, said
from tests.kit.listening_service import LISTENER, SERVICE
from tests.kit.outboxes import opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from samband_contracts.event import CloudEvent, Event
    from samband_kit.database import Pool
    from samband_kit.settings import Settings
    from samband_kit.testing import Backing
    from typer.testing import Result


@pytest.fixture
async def config(backing: Backing) -> AsyncIterator[Settings]:
    async with service_settings(backing, "samband_kit") as settings:
        yield settings


@pytest.fixture
async def pool(config: Settings) -> AsyncIterator[Pool]:
    opened = await open_pool(config)
    await opened.execute(TABLE)
    yield opened
    LISTENER.broken = set()
    await opened.close()


async def happened(pool: Pool, *events: Event, published: bool = True) -> UUID:
    """Append the events because of one new correlation; its id."""
    why = Correlation(new_id())
    async with database.transaction(pool) as conn:
        await outbox.append(conn, events, causes=[why] * len(events))
    if published:
        await pool.execute(
            "update outbox set published_at = clock_timestamp() where correlation_id = $1",
            why.correlation_id,
        )
    return why.correlation_id


async def trace(config: Settings, *words: object) -> Result:
    return await invoke(config, SERVICE, "trace", *map(str, words))


async def traced(config: Settings, *words: object) -> History:
    answer = await trace(config, "--json", *words)
    assert answer.exit_code == 0, answer.output
    return History.model_validate_json(answer.stdout)


async def as_heard(pool: Pool, correlation: UUID) -> list[CloudEvent[Any]]:
    """The events of a correlation on their way, as a service that listens gets them."""
    rows = await pool.fetch(
        "select topic, key, sequence, event_id from outbox where correlation_id = $1"
        " order by position",
        correlation,
    )
    return [
        replace(
            said(joined(UUID(row["key"])), row["sequence"]),
            id=row["event_id"],
            correlation_id=correlation,
        )
        for row in rows
    ]


async def test_a_correlation_is_found_with_its_events_in_order(
    config: Settings, pool: Pool
) -> None:
    await happened(pool, opened())
    correlation = await happened(pool, opened(), described(new_id()))
    await happened(pool, opened())

    found = await traced(config, correlation)

    assert found.correlations == (correlation,)
    assert [(event.topic, event.sequence) for event in found.events] == [
        (NETWORKS.name, 1),
        (CONTACT_STATE.name, 1),
    ]
    assert all(event.published_at for event in found.events)
    one = await traced(config, found.events[1].event_id)
    assert one.events == found.events


async def test_events_are_cloudevents_with_data_of_public_topics_alone(
    config: Settings, pool: Pool
) -> None:
    network = opened()
    found = await traced(config, await happened(pool, network, described(new_id(), "Kanarie")))

    public, internal = (JSONFormat().read(None, json.dumps(one.event)) for one in found.events)
    assert public.get_data() == network.model_dump(mode="json")
    assert internal.get_type() == "se.icld.contact.described.v1"
    assert internal.get_data() is None
    assert "Kanarie" not in found.model_dump_json()


async def test_what_became_of_an_event_here_is_told(config: Settings, pool: Pool) -> None:
    keys = applied, waiting, failing, skipped = [new_id() for _ in range(4)]
    correlation = await happened(pool, *(joined(key) for key in keys))
    heard = {event.subject: event for event in await as_heard(pool, correlation)}
    LISTENER.broken = {str(failing), str(skipped)}
    batch = [arrived(heard[str(key)]) for key in (applied, failing, skipped)]
    await apply_batch(pool, LISTENER.memberships, batch)
    async with database.transaction(pool) as conn:
        row = await conn.fetchval("select parked_id from parked where key = $1", str(skipped))
        await inspection.skip(conn, row, operator="kim", reason="why")

    found = await traced(config, correlation)

    fates = {fate.key: (fate.state, fate.reason) for fate in found.fates}
    assert fates == {
        str(applied): (State.APPLIED, None),
        str(waiting): (State.WAITING, None),
        str(failing): (State.PARKED, "failed"),
        str(skipped): (State.SKIPPED, None),
    }


async def test_what_was_given_up_unseen_is_not_said_to_be_applied(
    config: Settings, pool: Pool
) -> None:
    key = new_id()
    correlation = await happened(pool, *(joined(key) for _ in range(6)))
    heard = {event.sequence: event for event in await as_heard(pool, correlation)}
    for last, leave_out in ((3, inspection.skip_gap), (6, inspection.skip)):
        await apply_batch(pool, LISTENER.memberships, [arrived(heard[last])])
        async with database.transaction(pool) as conn:
            row = await conn.fetchval("select parked_id from parked where skipped_at is null")
            await leave_out(conn, row, operator="kim", reason="its owner set it aside")
        async with database.transaction(pool) as conn:
            await heal(conn, LISTENER.memberships, str(key))

    found = await traced(config, correlation)

    assert {fate.sequence: fate.state for fate in found.fates} == {
        1: State.SKIPPED,
        2: State.SKIPPED,
        3: State.APPLIED,
        4: State.SKIPPED,
        5: State.SKIPPED,
        6: State.SKIPPED,
    }
    assert all(fate.at for fate in found.fates if fate.state is State.SKIPPED)


async def test_replaced_state_is_not_said_to_be_applied(config: Settings, pool: Pool) -> None:
    contact = new_id()
    correlation = await happened(pool, described(contact))
    await apply_batch(pool, LISTENER.contacts, [arrived(said(described(contact), 2))])

    [fate] = (await traced(config, correlation)).fates

    assert fate.state is State.REPLACED


async def test_what_another_service_said_is_looked_for_here(
    config: Settings, pool: Pool, tmp_path: Path
) -> None:
    correlation = await happened(pool, joined(new_id()))
    [event] = await as_heard(pool, correlation)
    theirs = await traced(config, correlation)
    await pool.execute("truncate outbox")
    await apply_batch(pool, LISTENER.memberships, [arrived(event)])
    file = tmp_path / "networks.json"
    file.write_text(History(events=theirs.events, correlations=(correlation,)).model_dump_json())

    ours = await traced(config, "--from", file, "a reference that only they know")

    assert ours.events == ()
    assert [(fate.event_id, fate.state) for fate in ours.fates] == [(event.id, State.APPLIED)]
    told = await trace(config, "--from", file, correlation)
    assert "applied: listening" in told.stdout


async def test_a_parked_record_leads_to_its_correlation_without_the_event(
    config: Settings, pool: Pool
) -> None:
    event = replace(said(joined(new_id()), 2), correlation_id=new_id())
    await apply_batch(pool, LISTENER.memberships, [arrived(event)])

    found = await traced(config, event.correlation_id)

    assert [(fate.event_id, fate.reason) for fate in found.fates] == [(event.id, "gap")]
    assert "parked (gap)" in (await trace(config, event.correlation_id)).stdout


async def test_people_read_a_line_for_each_thing_in_the_order_of_time(
    config: Settings, pool: Pool
) -> None:
    network = opened()
    correlation = await happened(pool, network, published=False)

    told = (await trace(config, correlation)).stdout.splitlines()

    assert len(told) == 3
    assert told[0].endswith(f"a request, command or job began  correlation {correlation}")
    assert f"Network opened ({network.key}): {NETWORKS.name} #1" in told[1]
    assert f"waits to be published: {NETWORKS.name} #1" in told[2]
    assert "\x1b" not in "".join(told)
    assert [line[:23] for line in told] == sorted(line[:23] for line in told)


async def test_nothing_known_is_a_sentence_and_ends_with_one(
    config: Settings, pool: Pool, tmp_path: Path
) -> None:
    for asked in (new_id(), "482-915-637", "'; drop table outbox"):
        for more in ([], ["--json"]):
            answer = await trace(config, *more, asked)
            assert answer.exit_code == 1
            assert answer.stderr.startswith(f"Nothing is known of {asked}.")
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    for name, why in ((broken, "is not what"), (tmp_path / "none", "cannot read")):
        answer = await trace(config, "--from", name, new_id())
        assert (answer.exit_code, why in " ".join(answer.stderr.split())) == (2, True)


async def test_a_table_that_is_kept_for_ever_is_not_read_for_a_correlation(
    pool: Pool,
) -> None:
    await pool.execute(
        """
        insert into outbox (topic, key, sequence, event_id, event_type, correlation_id, headers,
                            published_at)
        select $1, 'key ' || n, 1, uuidv7(), 'x', uuidv7(), '{}', now()
        from generate_series(1, 30000) n
        """,
        NETWORKS.name,
    )
    await pool.execute("vacuum analyze outbox")
    plan = await pool.fetch(f"explain {reading.EVENTS}", [new_id()], 10)
    assert "outbox_history" in "\n".join(line[0] for line in plan)


def test_parts_are_put_together_once_and_the_later_word_counts() -> None:
    at = datetime(2027, 2, 9, tzinfo=UTC)
    event_id = new_id()
    fate = Fate(
        service="networks",
        topic=MEMBERSHIPS.name,
        key="k",
        sequence=1,
        event_id=event_id,
        state=State.WAITING,
    )
    mail = Happening(at=at, service="notifications", what="mail sent", about={})
    first = History(correlations=(new_id(),), fates=(fate,), happenings=(mail,), notes=("so",))
    later = first.model_copy(update={"fates": (fate.model_copy(update={"state": State.APPLIED}),)})

    merged = merge([first, later])

    assert [one.state for one in merged.fates] == [State.APPLIED]
    assert (merged.happenings, merged.notes) == ((mail,), ("so",))
    assert merged.correlations == first.correlations


def test_lines_are_in_the_order_of_time_whoever_told_them() -> None:
    at = datetime(2027, 2, 9, tzinfo=UTC)
    mails = [
        Happening(at=at + timedelta(seconds=n), service="s", what=f"mail {n}", about={"id": "x"})
        for n in (2, 0, 1)
    ]
    assert [line.what for line in lines(History(happenings=tuple(mails)))] == [
        "mail 0",
        "mail 1",
        "mail 2",
    ]
