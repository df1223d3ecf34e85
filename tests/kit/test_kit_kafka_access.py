"""Getting in: who a client of Kafka says it is, and what happens when Kafka does not believe it."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from samband_contracts.topics import CONTACT_STATE, MEMBERSHIPS, NETWORKS
from samband_kit.database import open_pool
from samband_kit.ids import new_id
from samband_kit.kafka import (
    Access,
    AccessRefused,
    Administration,
    KafkaUnreachable,
    Producer,
    read,
)
from samband_kit.operating import operator_cli
from samband_kit.service import Kind
from samband_kit.settings import Settings, SettingsRefused
from samband_kit.supervisor.process import Process
from samband_kit.testing import (
    Backing,
    Facts,
    create_topics,
    eventually,
    running,
    service_settings,
)
from typer.testing import CliRunner

from tests.faults.cases import Area, Invariant, case
from tests.kit.consuming import listening, make_table
from tests.kit.effects import Listener, effects, joined
from tests.kit.guarded import ADMIN, access, guarded, named, password_of
from tests.kit.listening_service import SERVICE
from tests.kit.log_state import kept_logs
from tests.kit.outboxes import arrived, say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from samband_kit.database import Pool
    from samband_local.kafka import Kafka

GIVEN = {
    "SAMBAND_DATABASE_URL": "postgresql://kit:secret@127.0.0.1:5432/kit",
    "SAMBAND_KAFKA_SERVERS": "127.0.0.1:9092",
    "SAMBAND_SECRET_KEYS": "k" * 32,
}
USER = {"SAMBAND_KAFKA_USERNAME": "networks", "SAMBAND_KAFKA_PASSWORD": "hunter2"}


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with guarded(tmp_path_factory.mktemp("guarded"), "networks") as broker:
        yield broker


def refused(monkeypatch: pytest.MonkeyPatch, **given: str) -> str:
    for name, value in (GIVEN | given).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsRefused) as refusal:
        Settings.read()
    return str(refusal.value)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            USER,
            "SAMBAND_KAFKA_SECURITY is plaintext, which has no use for SAMBAND_KAFKA_USERNAME.",
        ),
        (
            {"SAMBAND_KAFKA_SECURITY": "sasl_plaintext"},
            "SAMBAND_KAFKA_SECURITY is sasl_plaintext, which needs SAMBAND_KAFKA_USERNAME.",
        ),
        (
            {"SAMBAND_KAFKA_SECURITY": "sasl_ssl", "SAMBAND_KAFKA_USERNAME": "networks"},
            "SAMBAND_KAFKA_SECURITY is sasl_ssl, which needs SAMBAND_KAFKA_PASSWORD.",
        ),
        (
            {"SAMBAND_KAFKA_SECURITY": "ssl"},
            "SAMBAND_KAFKA_SECURITY: Input should be 'plaintext', 'sasl_plaintext' or 'sasl_ssl'.",
        ),
        (
            {"SAMBAND_KAFKA_SECURITY": "sasl_ssl", **USER, "SAMBAND_KAFKA_CA": "hunter2"},
            "SAMBAND_KAFKA_CA: write certificates as PEM, or name a file of them.",
        ),
    ],
)
def test_what_does_not_go_together_is_one_sentence_without_secrets(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], sentence: str
) -> None:
    assert refused(monkeypatch, **given) == sentence


def test_certificates_are_of_no_use_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    ca = ssl.create_default_context().get_ca_certs(binary_form=True)[0]
    given = {"SAMBAND_KAFKA_CA": ssl.DER_cert_to_PEM_cert(ca)}
    assert refused(monkeypatch, **given) == (
        "SAMBAND_KAFKA_SECURITY is plaintext, which has no use for SAMBAND_KAFKA_CA."
    )


def test_a_password_shows_nowhere(kafka: Kafka) -> None:
    assert password_of("networks") not in repr(access(kafka, "networks"))


async def test_everything_that_opens_a_connection_says_who_it_is(
    backing: Backing, kafka: Kafka
) -> None:
    key = new_id()
    async with service_settings(backing, "samband_kit", **named(kafka, ADMIN)) as settings:
        await make_table(settings)
        facts, hold = Facts(settings), asyncio.Event()
        await create_topics(settings, [NETWORKS])
        async with running(listening(Listener(hold=hold)), settings) as service:
            await facts.publish(joined(key))
            # Its lag shows that the watchdog got in too.
            await eventually(
                lambda: service.metric("samband_lag_records", topic=MEMBERSHIPS.name) == 1, 30
            )
            hold.set()
            await facts.applied(service.pool)
            assert await effects(service.pool, key) == [1]
            await say(service.pool, [key])
            await eventually(lambda: nothing_waits(service.pool), 20)
            assert await arrived(settings) == {str(key): [1]}


@pytest.mark.parametrize("name", ["networks", "nobody"])
async def test_who_is_not_believed_is_told_so_at_once(
    backing: Backing, kafka: Kafka, name: str
) -> None:
    wrong = access(kafka, name, "wrong")
    said = rf"Kafka at {kafka.plan.servers} does not let {name} in: .*invalid credentials"
    with pytest.raises(AccessRefused, match=said):
        async with Producer.running(wrong):
            pass
    with pytest.raises(AccessRefused, match=said):
        await anext(read(wrong, NETWORKS.name))
    with pytest.raises(AccessRefused, match=said):
        async with Administration(wrong):
            pass


async def test_a_client_without_a_name_is_hung_up_on(kafka: Kafka) -> None:
    with pytest.raises(KafkaUnreachable, match=r"does not answer: .* closed"):
        async with Administration(Access(kafka.plan.servers)):
            pass


async def test_a_command_ends_with_a_matter_of_configuration(
    backing: Backing, kafka: Kafka
) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        env = {
            "SAMBAND_DATABASE_URL": settings.database_url.get_secret_value(),
            "SAMBAND_SECRET_KEYS": settings.secret_keys.get_secret_value(),
            "SAMBAND_KAFKA_SERVERS": kafka.plan.servers,
            "SAMBAND_KAFKA_SECURITY": "sasl_plaintext",
            "SAMBAND_KAFKA_USERNAME": "networks",
            "SAMBAND_KAFKA_PASSWORD": "wrong",
        }
        with kept_logs():
            result = await asyncio.to_thread(
                lambda: CliRunner().invoke(operator_cli(SERVICE), ["topics"], env=env)
            )
    assert result.exit_code == 2
    assert "does not let networks in" in result.stderr


@case(
    Area.INFRASTRUCTURE,
    "Kafka does not let a service in",
    how="the user does not exist yet; then another broker knows it",
    holds=(
        Invariant.I1,
        Invariant.I8,
    ),
)
async def test_a_service_that_is_not_let_in_waits_and_goes_on_when_it_is(
    backing: Backing, tmp_path: Path
) -> None:
    key = new_id()
    with guarded(tmp_path / "kafka") as kafka:
        async with service_settings(backing, "samband_kit") as fresh:
            settings = fresh.model_copy(update=named(kafka, "networks"))
            await make_table(settings)
            service, stop = (
                Process(listening(Listener()), settings, [Kind.CONSUME]),
                asyncio.Event(),
            )
            task = asyncio.create_task(service.run(stop, lambda: None))
            pool = await open_pool(settings)
            await say(pool, [key])

            def has_tried_twice() -> bool:
                rebuilds = "samband_outbox_producer_rebuilds_total"
                return (service.registry.get_sample_value(rebuilds) or 0) >= 2

            await eventually(has_tried_twice, 30)
            assert not task.done()
            await asyncio.to_thread(admit, kafka, "networks")
            await create_topics(settings, [NETWORKS, MEMBERSHIPS, CONTACT_STATE])
            facts = Facts(settings)
            await facts.publish(joined(key))
            await facts.applied(pool, 60)
            assert await effects(pool, key) == [1]
            await eventually(lambda: nothing_waits(pool), 30)
            assert await arrived(settings) == {str(key): [1]}
            stop.set()
            assert await task == 0
            await pool.close()


def admit(kafka: Kafka, name: str) -> None:
    """Make it a new Kafka, at the same address, whose administrator has this name."""
    kafka.stop()
    shutil.rmtree(kafka.plan.data)
    kafka.plan = replace(kafka.plan, users={name: password_of(name)})
    kafka.start()


async def nothing_waits(pool: Pool) -> bool:
    return bool(await pool.fetchval("select count(*) = 0 from outbox where published_at is null"))
