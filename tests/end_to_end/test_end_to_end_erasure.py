"""A person's way into the system and out of it: nothing of them stays anywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from prometheus_client import generate_latest
from samband_contracts.topics import ALL, CONTACT_STATE
from samband_kit.service import Kind
from samband_kit.testing import (
    Backing,
    RunningService,
    create_topics,
    eventually,
    publish_raw,
    read_topic,
    running,
    service_settings,
    tables_with,
)
from samband_notifications.main import SERVICE as NOTIFICATIONS
from samband_notifications.settings import NotificationsSettings
from samband_registration.main import SERVICE as REGISTRATION
from samband_registration.registrations.handlers.expiring import expire

from tests.notifications.mail_server import MailServer, mail_server
from tests.registration.register import Register, register

NAME, ADDRESS, MESSAGE = "Kanarie Fågel", "kanarie@lund.example", "Pip, säger vi i Lund"
CANARY = {"name": NAME, "email": ADDRESS, "message": MESSAGE}


@dataclass(frozen=True)
class System:
    """Registration and notifications at work, and the mail server."""

    here: Register
    registration: RunningService
    notifications: RunningService
    mails: MailServer

    async def found(self) -> list[str]:
        """Every table in which the person can be found by name, address or words."""
        return [
            f"{service.process.service.name}.{table}"
            for service in (self.registration, self.notifications)
            for secret in CANARY.values()
            for table in await tables_with(service.pool, secret)
        ]


@asynccontextmanager
async def at_work(backing: Backing) -> AsyncIterator[System]:
    async with (
        mail_server() as mails,
        register(backing) as here,
        service_settings(
            backing,
            NOTIFICATIONS.package,
            NotificationsSettings,
            kafka_prefix=here.settings.kafka_prefix,
            smtp_host="127.0.0.1",
            smtp_port=mails.port,
            smtp_tls="none",
        ) as settings,
    ):
        await create_topics(here.settings)
        async with (
            running(REGISTRATION, here.settings, Kind.CONSUME) as registration,
            running(NOTIFICATIONS, settings, Kind.CONSUME, Kind.SEND) as notifications,
        ):
            yield System(here, registration, notifications, mails)


async def test_nothing_of_whoever_never_confirmed_stays_anywhere(
    backing: Backing, capsys: pytest.CaptureFixture[str]
) -> None:
    async with at_work(backing) as system:
        pool = system.notifications.pool
        # The server quotes the address when it says no, and the mail stays in the queue.
        system.mails.script(ADDRESS, *["451"] * 50)
        made = await system.here.submitted(**CANARY)
        contact_id = await system.here.pool.fetchval("select contact_id from contacts")
        await eventually(
            lambda: pool.fetchval("select true from deliveries where state = 'waiting'"), 30
        )
        # Rubbish about the same person waits for an operator.
        await publish_raw(
            system.here.settings,
            CONTACT_STATE,
            key=str(contact_id).encode(),
            value=f"{NAME} {ADDRESS}".encode(),
        )
        await eventually(lambda: pool.fetchval("select true from parked"), 30)
        assert {
            "registration.contacts",
            "registration.outbox",
            "registration.registrations",
            "notifications.recipients",
            "notifications.parked",
        } <= set(await system.found())

        await system.here.pool.execute(
            "update registrations set expires_at = now() where registration_id = $1", made
        )
        assert await expire(system.here.pool) == 1

        async def gone() -> bool:
            assert await system.found() == []
            return True

        await eventually(gone, 30)
        states = await pool.fetch("select state, reason from deliveries")
        assert [(row["state"], row["reason"]) for row in states] == [("skipped", "erased")]
        assert system.mails.to(ADDRESS) == []
        await only_the_state_of_contacts_ever_named_them(system)
        metrics = [
            generate_latest(service.process.registry).decode()
            for service in (system.registration, system.notifications)
        ]
        logs = capsys.readouterr()
        assert logs.out
        seen = "".join([*metrics, logs.out, logs.err])
        assert not [secret for secret in CANARY.values() if secret in seen]


async def only_the_state_of_contacts_ever_named_them(system: System) -> None:
    """No other topic holds the person, and on that one a tombstone comes last."""
    last: dict[bytes | None, bytes | None] = {}
    for topic in ALL:
        for record in await read_topic(system.here.settings, topic):
            if topic is CONTACT_STATE:
                last[record.key] = record.value
                continue
            parts = [record.key, record.value, *(value for _, value in record.headers)]
            whole = b" ".join(part or b"" for part in parts)
            assert not [secret for secret in CANARY.values() if secret.encode() in whole]
    assert [value for value in last.values() if value != b"{}"] == [None]
