"""Spans of batches, of failures, and of nothing at all where nobody asked for them."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from samband_contracts.topics import MEMBERSHIPS, NETWORKS
from samband_kit import outbox, tracing
from samband_kit.consumer.batch import apply_batch
from samband_kit.correlation import Correlation, correlated, current
from samband_kit.database import open_pool, transaction
from samband_kit.ids import new_id
from samband_kit.reactions import Reaction
from samband_kit.testing import service_settings
from samband_kit.tracing import Kind

from tests.kit.collector import Collector, collector
from tests.kit.effects import TABLE, Listener, arrived, effects, joined, said
from tests.kit.outboxes import opened, relay, writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from samband_contracts.event import CloudEvent
    from samband_kit.database import Connection, Pool
    from samband_kit.settings import Settings
    from samband_kit.testing import Backing

HEAVY = ("opentelemetry.sdk", "opentelemetry.exporter", "google.protobuf", "requests")
PROCESS = f"process {MEMBERSHIPS.name}"
CREATE = f"create {NETWORKS.name}"
# What a running process has loaded after it has begun and ended all kinds of spans.
PROBE = """
import sys
from uuid import uuid4
import samband_registration.main, samband_networks.main, samband_notifications.main
from samband_kit import tracing
from samband_kit.correlation import correlated
from samband_kit.settings import Settings
from samband_kit.tracing import messaging

tracing.start("probe", Settings())
with correlated(None) as why, tracing.span("x", tracing.Kind.SERVER):
    with messaging.creating([("topic", why)]), messaging.sending([]):
        pass
print([name for name in {heavy} if name in sys.modules])
tracing.stop()
"""


@pytest.fixture
async def config(backing: Backing) -> AsyncIterator[Settings]:
    async with service_settings(backing, "samband_kit") as settings:
        yield settings


@pytest.fixture
async def pool(config: Settings) -> AsyncIterator[Pool]:
    opened = await open_pool(config)
    await opened.execute(TABLE)
    yield opened
    await opened.close()


@contextmanager
def traced(settings: Settings, ratio: float = 1.0) -> Iterator[Collector]:
    """Tracing in this process; all spans have arrived after the block."""
    with collector() as seen:
        tracing.start(
            "kit", settings.model_copy(update={"otlp_endpoint": seen.url, "trace_ratio": ratio})
        )
        try:
            yield seen
        finally:
            tracing.stop(seconds=20)


def begun(name: str) -> str:
    """The traceparent of a trace that has begun somewhere else."""
    span = tracing.begin(name, Kind.SERVER, parent=None)
    span.end()
    assert span.traceparent is not None
    return span.traceparent


def probed(**environment: str) -> str:
    given = {
        "SAMBAND_DATABASE_URL": "postgresql://nobody:x@localhost/none",
        "SAMBAND_KAFKA_SERVERS": "localhost:9",
        "SAMBAND_SECRET_KEYS": "x" * 32,
    }
    answer = subprocess.run(
        [sys.executable, "-c", PROBE.format(heavy=HEAVY)],
        env=given | environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return answer.stdout.strip()


def test_nothing_of_the_sdk_is_loaded_unless_somebody_asked_for_traces() -> None:
    assert probed() == "[]"
    assert probed(SAMBAND_OTLP_ENDPOINT="") == "[]"
    # The same probe finds all of it where it is asked for.
    assert probed(SAMBAND_OTLP_ENDPOINT="http://127.0.0.1:9") == str(list(HEAVY))


async def test_events_of_a_batch_stay_in_their_own_traces_and_so_does_what_follows(
    config: Settings, pool: Pool
) -> None:
    async def answer(conn: Connection, events: Sequence[CloudEvent[Any]]) -> None:
        await outbox.append(conn, [opened() for _ in events], causes=events)

    with traced(config) as seen:
        parents = [begun(f"form {n}") for n in range(3)]
        events = [replace(said(joined(new_id()), 1), traceparent=parent) for parent in parents]
        batch = [arrived(event) for event in events]
        await apply_batch(pool, Reaction(MEMBERSHIPS, {type(events[0].data): answer}), batch)
    for n, parent in enumerate(parents):
        [process, create] = [
            span for span in seen.of(parent.split("-")[1]) if not span.name.startswith("form")
        ]
        assert seen.ancestors(create) == [PROCESS, f"form {n}"]
        assert process.attributes["messaging.batch.message_count"] == 3
        assert process.attributes["messaging.message.id"] == str(events[n].id)


async def test_one_span_sends_a_batch_and_is_linked_to_every_event_that_is_recorded(
    backing: Backing,
) -> None:
    async with writer(backing) as service:
        with traced(service.settings) as seen:
            unrecorded = f"00-{'a' * 32}-{'b' * 16}-00"
            whys = [Correlation(new_id(), None, begun("form")) for _ in range(3)]
            whys += [Correlation(new_id(), None, unrecorded), Correlation(new_id())]
            async with transaction(service.pool) as conn:
                await outbox.append(conn, [opened() for _ in whys], causes=whys)
            async with relay(service):
                await service.drained()
    created = {span.span_id for span in seen.named(CREATE)}
    [sent] = seen.named(f"send {NETWORKS.name}")
    # Three of forms, and one that had no trace and began one; the unrecorded one is not there.
    assert len(created) == 4
    assert set(sent.links) == created
    assert sent.attributes["messaging.batch.message_count"] == 5
    assert not seen.of("a" * 32)


async def test_a_failure_is_named_by_its_class_and_never_by_its_words(
    config: Settings, pool: Pool
) -> None:
    listener = Listener()
    with traced(config) as seen:
        good, bad = (
            replace(said(joined(new_id()), 1), traceparent=begun("form")) for _ in range(2)
        )
        listener.broken = {bad.subject}
        await apply_batch(pool, listener.memberships, [arrived(good), arrived(bad)])
    assert await effects(pool) == [1]
    # Both failed together; then each was tried alone.
    outcome = [
        span.attributes.get("error.type") for span in seen.named(PROCESS) if not span.is_error
    ]
    assert outcome == [None]
    failed = [span for span in seen.named(PROCESS) if span.is_error]
    assert [span.attributes["error.type"] for span in failed] == ["Refused"] * 3
    assert not [span for span in failed if "not this one" in span.raw]


async def test_untraced_services_pass_the_trace_on(config: Settings, pool: Pool) -> None:
    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    seen = []

    async def look(conn: Connection, events: Sequence[CloudEvent[Any]]) -> None:
        running = current()
        seen.append(running.traceparent if running else None)
        await outbox.append(conn, [opened()])

    event = replace(said(joined(new_id()), 1), traceparent=parent)
    await apply_batch(pool, Reaction(MEMBERSHIPS, {type(event.data): look}), [arrived(event)])
    assert seen == [parent]
    assert await pool.fetchval("select headers ->> 'ce_traceparent' from outbox") == parent


def test_a_share_of_the_traces_is_recorded_as_a_whole(config: Settings) -> None:
    with traced(config, ratio=0.5) as seen:
        for _ in range(200):
            with correlated(None), tracing.span("form", Kind.SERVER):
                tracing.begin("inside", Kind.CLIENT, parent=_running()).end()
    forms, inside = seen.named("form"), seen.named("inside")
    # 200 coins: outside of this once in 10^17 runs.
    assert 40 < len(forms) < 160
    assert {span.trace_id for span in forms} == {span.trace_id for span in inside}


def _running() -> str | None:
    running = current()
    return None if running is None else running.traceparent
