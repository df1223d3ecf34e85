"""Joining the registration that was there first: by oneself, or when staff agree."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from samband_contracts.values import OrganisationKind
from samband_kit.ids import new_id
from samband_kit.testing import Backing
from samband_registration.organisations.domain import official_id
from samband_registration.registrations.handlers import answering, sending
from samband_registration.registrations.store import rows

from tests.registration.register import Register, register
from tests.registration.visitor import Visitor, visitor


@pytest.fixture(scope="module")
async def shared(backing: Backing) -> AsyncIterator[Register]:
    async with register(backing, human_seconds=0) as made:
        yield made


@pytest.fixture
async def here(shared: Register) -> Register:
    """The shared register without any registrations."""
    await shared.pool.execute("truncate registrations cascade")
    return shared


@pytest.fixture(params=["sv", "en"])
async def sender(request: pytest.FixtureRequest, here: Register) -> AsyncIterator[Visitor]:
    async with visitor(here, language=request.param) as somebody:
        yield somebody


async def people(here: Register, registration_id: UUID) -> tuple[UUID, ...]:
    found = await here.read(rows.registration, registration_id)
    assert found is not None
    return found.contact_ids


async def happened(here: Register, registration_id: UUID) -> list[str]:
    return [entry.action for entry in await here.read(rows.history, registration_id)]


async def move(here: Register, registration_id: UUID, state: str) -> None:
    """Put a registration into a state, whatever leads there."""
    await here.pool.execute(
        "update registrations set state = $2 where registration_id = $1", registration_id, state
    )


@pytest.mark.parametrize("state", ["in_review", "in_dialogue", "waitlisted", "accepted"])
async def test_nobody_joins_by_themselves_what_icld_works_with_already(
    here: Register, state: str
) -> None:
    first = await here.confirmed()
    stranger = await here.confirmed(name="Stranger", email="stranger@elsewhere.example")
    await move(here, first, state)
    for _ in range(2):
        assert (await sending.join(here.pool, stranger)).merged_into is None
    assert len(await people(here, first)) == 1
    assert (await here.facts(stranger))[-1] == "interest-registration.flagged"
    assert await happened(here, stranger) == ["submit", "confirm", "ask_to_join"]
    assert await happened(here, first) == ["submit", "confirm"]
    await answering.merge_duplicate(here.pool, stranger, account_id=here.staff, key=str(new_id()))
    assert await here.state(stranger) == "merged"
    assert len(await people(here, first)) == 2
    assert await happened(here, first) == ["submit", "confirm", "absorb"]


async def test_the_last_answer_of_the_sender_counts(here: Register) -> None:
    first, second = await here.confirmed(), await here.confirmed()
    await move(here, first, "in_dialogue")
    assert await here.read(rows.wish, second) is None
    await sending.keep_own(here.pool, second)
    assert await here.read(rows.wish, second) == "keep"
    await sending.join(here.pool, second)
    assert await here.read(rows.wish, second) == "join"
    await sending.keep_own(here.pool, second)
    assert await here.read(rows.wish, second) == "keep"


async def test_the_wish_to_join_what_icld_works_with_waits_for_icld(sender: Visitor) -> None:
    first, duplicate = await sender.here.confirmed(), await sender.here.confirmed()
    await move(sender.here, first, "accepted")
    token = sender.link("registration", duplicate)
    offer = await sender.get(f"/min-anmalan/{token}/anslut")
    status = await sender.follow(await sender.submit(offer, {"choice": "join"}))
    assert await sender.here.state(duplicate) == "in_review"
    said = (
        "ICLD tittar på det och hör av sig till er.",
        "ICLD looks at it and gets back to you.",
    )
    assert said[sender.speaks_english] in status.text
    assert ("Antagen", "Accepted")[sender.speaks_english] not in status.text
    assert not status.html.select(f'a[href="/min-anmalan/{token}/anslut"]')


async def test_a_region_is_not_called_a_municipality(sender: Visitor) -> None:
    region = official_id(OrganisationKind.REGION, "01")
    await sender.here.confirmed(organisation_id=region)
    second = await sender.here.confirmed(organisation_id=region)
    offer = await sender.get(f"/min-anmalan/{sender.link('registration', second)}/anslut")
    assert offer.heading.startswith(("Er organisation har redan", "Your organisation has already"))


async def test_whoever_joined_what_was_withdrawn_is_told_the_truth(sender: Visitor) -> None:
    first, duplicate = await sender.here.confirmed(), await sender.here.confirmed()
    await sending.join(sender.here.pool, duplicate)
    await sending.withdraw(sender.here.pool, first)
    status = await sender.get(f"/min-anmalan/{sender.link('registration', duplicate)}")
    said = (
        "Anmälan som ni anslöt er till har återkallats. Ni kan anmäla er igen",
        "The registration that you joined was withdrawn. You can register again",
    )
    assert said[sender.speaks_english] in status.text
    assert "Du är nu kontaktperson" not in status.text
    assert "You are now contact person" not in status.text


async def test_staff_see_who_wants_to_join_and_who_joined(sender: Visitor) -> None:
    first, duplicate = await sender.here.confirmed(), await sender.here.confirmed()
    await move(sender.here, first, "in_dialogue")
    await sending.join(sender.here.pool, duplicate)
    await sender.sign_in()
    shown = await sender.get(f"/handlaggning/anmalningar/{duplicate}")
    wish = ("Avsändaren vill ansluta sig", "The sender wants to join")
    assert shown.text.count(wish[sender.speaks_english]) == 2
    button = f"/handlaggning/anmalningar/{duplicate}/merge"
    await sender.post(button, {"idempotency_key": str(new_id())})
    merged = ("En annan anmälan har slagits ihop", "Another registration was merged into")
    shown = await sender.get(f"/handlaggning/anmalningar/{first}")
    assert merged[sender.speaks_english] in shown.text
