"""Retention: what the form promises to delete is deleted, and nothing else."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry
from samband_contracts import topics
from samband_kit.ids import new_id
from samband_kit.service import Runtime
from samband_kit.testing import Backing, create_topics, read_topic, tables_with
from samband_registration.main import SERVICE
from samband_registration.registrations.handlers import answering, expiring, sending
from samband_registration.registrations.handlers.expiring import erase_ended, expire
from samband_registration.registrations.store import rows

from tests.registration.register import Register, register
from tests.registration.visitor import visitor

KEEP = timedelta(days=90)
CANARY = {"name": "Kanarie Fågel", "email": "kanarie@lund.example", "message": "Pip, säger kanarie"}


@pytest.fixture(scope="module")
async def shared(backing: Backing) -> AsyncIterator[Register]:
    async with register(backing) as made:
        yield made


@pytest.fixture
async def here(shared: Register) -> Register:
    """The shared register without any registrations."""
    await shared.pool.execute("truncate registrations, contacts, outbox cascade")
    return shared


async def declined(here: Register, registration_id: UUID) -> UUID:
    for command in (answering.open_dialogue, answering.decline):
        await command(here.pool, registration_id, account_id=here.staff, key=str(new_id()))
    return registration_id


async def let_pass(here: Register, registration_id: UUID, *, days: float) -> None:
    """Make everything about a registration so much older."""
    await here.pool.execute(
        """
        update registrations
        set received_at = received_at - $2::interval, expires_at = expires_at - $2::interval,
            confirmed_at = confirmed_at - $2::interval, ended_at = ended_at - $2::interval
        where registration_id = $1
        """,
        registration_id,
        timedelta(days=days),
    )


async def people(here: Register, registration_id: UUID) -> list[UUID]:
    """The persons behind a registration of whom anything is known."""
    found = await here.pool.fetch(
        """
        select contact_id from contacts join registration_contacts using (contact_id)
        where registration_id = $1 order by position
        """,
        registration_id,
    )
    return [row["contact_id"] for row in found]


async def actions(here: Register, registration_id: UUID) -> list[str]:
    return [entry.action for entry in await here.read(rows.history, registration_id)]


async def ended(here: Register, how: str) -> UUID:
    made = await here.confirmed(**CANARY)
    if how == "declined":
        return await declined(here, made)
    await sending.withdraw(here.pool, made)
    return made


@pytest.mark.parametrize("how", ["declined", "withdrawn"])
async def test_what_ended_is_erased_after_its_time_and_not_before(here: Register, how: str) -> None:
    made = await ended(here, how)
    [person] = await people(here, made)
    await let_pass(here, made, days=89.9)
    assert await erase_ended(here.pool, keep=KEEP) == 0
    assert "contacts" in await tables_with(here.pool, CANARY["name"])
    await let_pass(here, made, days=0.2)
    assert await erase_ended(here.pool, keep=KEEP) == 1
    assert await erase_ended(here.pool, keep=KEEP) == 0
    for secret in CANARY.values():
        assert await tables_with(here.pool, secret) == []
    assert await here.state(made) == how
    assert await here.facts(person) == ["contact.erased"]
    assert (await actions(here, made))[-1] == "erase"


async def test_what_stands_is_never_erased(here: Register) -> None:
    waiting = await here.confirmed()
    accepted = await here.confirmed(counterpart=here.chinsali.organisation_id)
    await answering.keep(here.pool, accepted, account_id=here.staff, key=str(new_id()))
    for command in (answering.open_dialogue, answering.accept):
        await command(here.pool, accepted, account_id=here.staff, key=str(new_id()))
    for made in (waiting, accepted):
        await let_pass(here, made, days=4000)
    assert await erase_ended(here.pool, keep=KEEP) == 0
    assert await expire(here.pool) == 0
    assert len(await people(here, accepted)) == 1


async def test_what_was_withdrawn_unconfirmed_is_erased_as_early_as_what_expires(
    here: Register,
) -> None:
    made = await here.submitted(**CANARY)
    await sending.withdraw(here.pool, made)
    assert await erase_ended(here.pool, keep=KEEP) == 0
    await let_pass(here, made, days=3)
    assert await erase_ended(here.pool, keep=KEEP) == 1
    for secret in CANARY.values():
        assert await tables_with(here.pool, secret) == []


async def test_whoever_joined_a_registration_is_erased_with_it(here: Register) -> None:
    first = await here.confirmed(message="The first")
    second = await here.confirmed(**CANARY)
    await sending.join(here.pool, second)
    await declined(here, first)
    await let_pass(here, second, days=200)
    assert await erase_ended(here.pool, keep=KEEP) == 0
    assert "registrations" in await tables_with(here.pool, CANARY["message"])
    await let_pass(here, first, days=91)
    assert await erase_ended(here.pool, keep=KEEP) == 1
    for secret in (*CANARY.values(), "The first"):
        assert await tables_with(here.pool, secret) == []
    assert (await actions(here, second))[-1] == "erase"


async def test_a_person_who_stands_behind_another_registration_too_is_kept_for_that(
    here: Register,
) -> None:
    made = await declined(here, await here.confirmed(**CANARY))
    other = await here.confirmed()
    [person] = await people(here, made)
    await here.pool.execute("insert into registration_contacts values ($1, $2, 2)", other, person)
    await let_pass(here, made, days=91)
    assert await erase_ended(here.pool, keep=KEEP) == 1
    assert await people(here, other) == [*await people(here, other)]
    assert person in await people(here, other)
    assert await tables_with(here.pool, CANARY["message"]) == []
    await declined(here, other)
    await let_pass(here, other, days=91)
    assert await erase_ended(here.pool, keep=KEEP) == 1
    assert await tables_with(here.pool, CANARY["name"]) == []


async def test_any_number_is_erased_page_by_page(
    here: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiring, "AT_ONCE", 2)
    for _ in range(5):
        made = await here.submitted()
        await let_pass(here, made, days=3.1)
    assert await expire(here.pool) == 5
    for _ in range(5):
        made = await here.submitted()
        await sending.withdraw(here.pool, made)
        await let_pass(here, made, days=3.1)
    assert await erase_ended(here.pool, keep=KEEP) == 5
    assert await here.pool.fetchval("select count(*) from contacts") == 0


async def test_the_jobs_keep_to_the_settings_and_beat_a_pulse(backing: Backing) -> None:
    async with register(backing, keep_ended_days=7, confirm_hours=2) as here:
        await create_topics(here.settings, [topics.CONTACT_STATE])
        made = await ended(here, "declined")
        await let_pass(here, made, days=7.1)
        unconfirmed = await here.submitted()
        await let_pass(here, unconfirmed, days=2.1 / 24)
        runtime = Runtime(SERVICE, here.settings, here.pool, CollectorRegistry())
        for job in SERVICE.jobs:
            if job.name in ("expire-registrations", "erase-ended-registrations"):
                await job.run(runtime)
        assert await tables_with(here.pool, CANARY["name"]) == []
        assert await here.state(unconfirmed) == "expired"
        beats = await read_topic(here.settings, topics.CONTACT_STATE)
        assert len(beats) == 2 * topics.CONTACT_STATE.partitions


async def test_an_erasure_needs_no_kafka(backing: Backing) -> None:
    async with register(backing) as here:
        made = await here.submitted(**CANARY)
        await let_pass(here, made, days=3.1)
        nowhere = here.settings.model_copy(update={"kafka_servers": "127.0.0.1:1"})
        runtime = Runtime(SERVICE, nowhere, here.pool, CollectorRegistry())
        [job] = [job for job in SERVICE.jobs if job.name == "expire-registrations"]
        await job.run(runtime)
        assert await tables_with(here.pool, CANARY["name"]) == []


@pytest.mark.parametrize(
    ("language", "hours", "days"),
    [("sv", "48 timmar", "30 dagar"), ("en", "48 hours", "30 days")],
)
async def test_pages_promise_what_the_settings_say(
    backing: Backing, language: str, hours: str, days: str
) -> None:
    async with (
        register(backing, human_seconds=0, confirm_hours=48, keep_ended_days=30) as here,
        visitor(here, language=language) as somebody,
    ):
        contact = await somebody.submit(
            await somebody.get(somebody.form_path()), {"organisation": "Piteå"}
        )
        assert hours in contact.text
        assert days in contact.text
        assert hours in (await somebody.check_page()).text
        made = await here.submitted()
        assert hours in (await somebody.get(f"/bekrafta/{somebody.link('confirm', made)}")).text
        late = await somebody.get(f"/bekrafta/{somebody.link('confirm', made, hours=-1)}")
        assert hours in late.text
        own = somebody.link("registration", await here.confirmed())
        assert days in (await somebody.get(f"/min-anmalan/{own}/aterkalla")).text


async def test_staff_and_sender_see_that_the_data_is_erased(here: Register) -> None:
    made = await ended(here, "declined")
    await let_pass(here, made, days=91)
    await erase_ended(here.pool, keep=KEEP)
    async with visitor(here) as somebody:
        own = await somebody.get(f"/min-anmalan/{somebody.link('registration', made)}")
        assert "Dina uppgifter raderades" in own.text
        await somebody.sign_in()
        detail = await somebody.get(f"/handlaggning/anmalningar/{made}")
        assert "Personuppgifterna är raderade" in detail.text
        assert "Personuppgifter raderade" in detail.text
