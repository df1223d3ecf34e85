"""Commands on registrations: the rows they write and the events they append."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from samband_contracts import topics
from samband_kit.errors import FieldErrors, TransitionRefused
from samband_kit.idempotency import KeyReused
from samband_kit.ids import new_id
from samband_kit.testing import Backing, tables_with
from samband_registration.calls.domain import CallNotOpen, CallUnknown
from samband_registration.calls.handlers import close_calls
from samband_registration.contacts.store import contacts
from samband_registration.registrations.domain.duplicates import JoinedEnded
from samband_registration.registrations.domain.machine import (
    ConfirmationLate,
    RegistrationUnknown,
    State,
)
from samband_registration.registrations.handlers import answering, sending
from samband_registration.registrations.handlers.expiring import expire
from samband_registration.registrations.store import rows

from tests.registration.register import PITEA, Register, register


@pytest.fixture(scope="module")
async def shared(backing: Backing) -> AsyncIterator[Register]:
    async with register(backing) as made:
        yield made


@pytest.fixture
async def here(shared: Register) -> Register:
    """The shared register without any registrations."""
    await shared.pool.execute("truncate registrations, contacts, calls, outbox cascade")
    await shared.pool.execute(
        """
        insert into calls (call_id, title_sv, title_en, opens_at, closes_at, zone)
        values ($1, 'sv', 'en', now() - interval '1 day', now() + interval '9 days', 'Europe/Stockholm')
        """,
        shared.call.call_id,
    )
    return shared


async def people(here: Register, registration_id: UUID) -> tuple[UUID, ...]:
    found = await here.read(rows.registration, registration_id)
    assert found is not None
    return found.contact_ids


async def happened(here: Register, registration_id: UUID) -> list[str]:
    return [entry.action for entry in await here.read(rows.history, registration_id)]


async def answered(here: Register, registration_id: UUID, *commands: str) -> State:
    state = State.DRAFT
    for name in commands:
        command = getattr(answering, name)
        state = await command(here.pool, registration_id, account_id=here.staff, key=str(new_id()))
    return state


async def test_submitting_writes_the_registration_its_contact_and_two_events(
    here: Register,
) -> None:
    made = await here.submitted(counterpart=here.chinsali.organisation_id, theme="culture")
    (contact_id,) = await people(here, made)
    (contact,) = await here.read(contacts, [contact_id])
    assert contact.email == "kim.lind@lund.example"
    assert await here.state(made) == "unverified"
    assert await here.facts(made) == ["interest-registration.received"]
    assert await here.facts(contact_id) == ["contact.described"]


async def test_the_same_key_gives_the_same_registration(here: Register) -> None:
    key = str(new_id())
    terms = here.terms()
    sent = [
        sending.submit(here.pool, here.interest(), key=key, human=True, terms=terms)
        for _ in range(5)
    ]
    assert len(set(await asyncio.gather(*sent))) == 1
    assert await here.pool.fetchval("select count(*) from registrations") == 1
    other = here.interest(name="Other")
    with pytest.raises(KeyReused):
        await sending.submit(here.pool, other, key=key, human=True, terms=terms)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("organisation_id", UUID(int=1)),
        ("counterpart", UUID(int=1)),
        ("counterpart", PITEA),
        ("theme", "football"),
    ],
)
async def test_an_answer_from_outside_of_our_lists_is_refused_at_its_field(
    here: Register, field: str, value: object
) -> None:
    with pytest.raises(FieldErrors) as refused:
        await here.submitted(**{field: value})
    assert list(refused.value.fields) == [field.removesuffix("_id")]
    assert await here.pool.fetchval("select count(*) from contacts") == 0


async def test_an_organisation_abroad_does_not_register_itself(here: Register) -> None:
    with pytest.raises(FieldErrors):
        await here.submitted(organisation_id=here.chinsali.organisation_id)


async def test_nobody_registers_in_an_unknown_or_closed_call(here: Register) -> None:
    with pytest.raises(CallUnknown):
        await here.submitted(call_id=UUID(int=1))
    await here.pool.execute("update calls set closes_at = now() - interval '1 second'")
    with pytest.raises(CallNotOpen):
        await here.submitted()


async def test_a_call_is_closed_once_when_its_time_is_over(here: Register) -> None:
    assert await close_calls(here.pool) == 0
    await here.pool.execute("update calls set closes_at = now() - interval '1 second'")
    assert await close_calls(here.pool) == 1
    assert await close_calls(here.pool) == 0
    assert await here.facts(here.call.call_id) == ["call.closed"]


async def test_confirming_submits_and_confirming_again_changes_nothing(here: Register) -> None:
    made = await here.submitted()
    for _ in range(3):
        assert (await sending.confirm(here.pool, made)).state is State.SUBMITTED
    assert await here.facts(made) == [
        "interest-registration.received",
        "interest-registration.submitted",
    ]


async def test_a_foreign_link_confirms_nothing(here: Register) -> None:
    with pytest.raises(RegistrationUnknown):
        await sending.confirm(here.pool, UUID(int=1))


async def test_a_second_lund_is_flagged_and_can_join_the_first(here: Register) -> None:
    first = await here.confirmed()
    (sender,) = await people(here, first)
    second = await here.confirmed(name="Bo Ek", email="bo@lund.example")
    assert await here.state(second) == "in_review"
    for _ in range(2):
        assert (await sending.join(here.pool, second)).merged_into == first
    assert await here.facts(second) == [
        "interest-registration.received",
        "interest-registration.flagged",
        "interest-registration.merged",
    ]
    (joined,) = await people(here, second)
    assert await people(here, first) == (sender, joined)
    assert await happened(here, first) == ["submit", "confirm", "absorb"]
    assert await happened(here, second) == ["submit", "confirm", "merge"]


async def test_acceptance_names_the_persons_who_joined(here: Register) -> None:
    first = await here.confirmed()
    second = await here.confirmed()
    await sending.join(here.pool, second)
    await answered(here, first, "open_dialogue", "accept")
    event = await here.pool.fetchval(
        "select convert_from(value, 'utf8')::json from outbox where event_type like '%.accepted.v1'"
    )
    assert all(str(person) in event for person in await people(here, first))
    assert len(await people(here, first)) == 2


async def test_a_second_partnership_of_the_same_municipality_is_no_duplicate(
    here: Register,
) -> None:
    await here.confirmed(counterpart=here.chinsali.organisation_id)
    other = await here.confirmed(counterpart=here.francistown.organisation_id)
    assert await here.state(other) == "submitted"


async def test_of_two_confirmed_at_once_only_one_is_the_first(here: Register) -> None:
    made = [await here.submitted() for _ in range(4)]
    await asyncio.gather(*(sending.confirm(here.pool, one) for one in made))
    states = sorted([await here.state(one) for one in made])
    assert states == ["in_review", "in_review", "in_review", "submitted"]


async def test_a_sender_who_keeps_theirs_leaves_it_to_staff(here: Register) -> None:
    await here.confirmed()
    second = await here.confirmed()
    for _ in range(2):
        await sending.keep_own(here.pool, second)
    assert await here.state(second) == "in_review"
    history = await here.read(rows.history, second)
    assert [entry.action for entry in history] == ["submit", "confirm", "keep_own"]
    assert await answered(here, second, "keep") is State.SUBMITTED


async def test_whoever_joins_one_that_was_merged_joins_what_it_became(here: Register) -> None:
    first, second, third = [await here.confirmed() for _ in range(3)]
    await here.pool.execute(
        "update registrations set duplicate_of = $2 where registration_id = $1", third, second
    )
    await answered(here, second, "merge_duplicate")
    assert (await sending.join(here.pool, third)).merged_into == first
    assert len(await people(here, first)) == 3


async def test_nobody_joins_what_has_ended(here: Register) -> None:
    first = await here.confirmed()
    second = await here.confirmed()
    await sending.withdraw(here.pool, first)
    with pytest.raises(JoinedEnded):
        await sending.join(here.pool, second)
    assert await here.state(second) == "in_review"


async def test_accepting_twice_with_one_key_has_one_effect(here: Register) -> None:
    made = await here.confirmed()
    await answered(here, made, "open_dialogue")
    key = str(new_id())
    states = await asyncio.gather(
        *(answering.accept(here.pool, made, account_id=here.staff, key=key) for _ in range(4))
    )
    assert set(states) == {State.ACCEPTED}
    assert (await here.facts(made)).count("interest-registration.accepted") == 1
    with pytest.raises(TransitionRefused):
        await answered(here, made, "decline")


async def test_the_history_says_who_did_what(here: Register) -> None:
    made = await here.confirmed()
    await answered(here, made, "open_dialogue", "decline")
    history = [
        (entry.action, entry.actor, entry.account_id)
        for entry in await here.read(rows.history, made)
    ]
    assert history == [
        ("submit", "sender", None),
        ("confirm", "sender", None),
        ("open", "staff", here.staff),
        ("decline", "staff", here.staff),
    ]


async def test_withdrawing_twice_withdraws_once(here: Register) -> None:
    made = await here.confirmed()
    for _ in range(2):
        assert (await sending.withdraw(here.pool, made)).state is State.WITHDRAWN
    assert (await here.facts(made))[-1] == "interest-registration.withdrawn"
    assert len(await here.facts(made)) == 3


async def test_what_nobody_confirms_expires_and_its_person_is_forgotten(here: Register) -> None:
    late, fresh = await here.submitted(message="secret-canary"), await here.submitted()
    (person,) = await people(here, late)
    await here.pool.execute(
        "update registrations set expires_at = now() where registration_id = $1", late
    )
    await here.pool.execute("update outbox set published_at = now()")
    assert await expire(here.pool) == 1
    assert await expire(here.pool) == 0
    assert (await here.state(late), await here.state(fresh)) == ("expired", "unverified")
    assert await here.facts(person) == ["contact.erased"]
    assert await here.read(contacts, [person]) == []
    assert await tables_with(here.pool, "secret-canary") == []
    with pytest.raises(ConfirmationLate):
        await sending.confirm(here.pool, late)


async def test_only_contact_state_carries_personal_data(here: Register) -> None:
    await answered(here, await here.confirmed(message="secret-canary"), "open_dialogue", "accept")
    leaks = await here.pool.fetch(
        """
        select event_type from outbox
        where topic <> $1 and convert_from(value, 'utf8') ~ 'Kim Lind|kim.lind|secret-canary'
        """,
        topics.CONTACT_STATE.name,
    )
    assert leaks == []
