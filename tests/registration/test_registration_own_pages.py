"""What a sender reaches by personal links: confirming, the status, joining, withdrawing."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from samband_contracts.values import OrganisationKind
from samband_kit.testing import Backing
from samband_registration.organisations.domain import official_id
from samband_registration.registrations.domain.machine import State
from samband_registration.registrations.handlers.expiring import expire

from tests.registration.register import Register, register
from tests.registration.visitor import Visitor, visitor


@pytest.fixture(scope="module")
async def here(backing: Backing) -> AsyncIterator[Register]:
    async with register(backing, human_seconds=0) as made:
        yield made


@pytest.fixture(params=["sv", "en"])
async def sender(request: pytest.FixtureRequest, here: Register) -> AsyncIterator[Visitor]:
    async with visitor(here, language=request.param) as somebody:
        yield somebody


@pytest.fixture
async def organisation(here: Register) -> UUID:
    """One that has no registration yet."""
    await here.pool.execute("truncate registrations cascade")
    return official_id(OrganisationKind.MUNICIPALITY, "0114")


@pytest.fixture
async def sent(here: Register, organisation: UUID) -> UUID:
    return await here.submitted(organisation_id=organisation)


@pytest.fixture
async def duplicate(here: Register, organisation: UUID) -> UUID:
    await here.confirmed(organisation_id=organisation, name="Canary Person")
    return await here.confirmed(organisation_id=organisation)


async def test_opening_the_link_changes_nothing(sender: Visitor, sent: UUID) -> None:
    path = f"/bekrafta/{sender.link('confirm', sent)}"
    for _ in range(2):
        shown = await sender.get(path)
        assert shown.status == 200
    assert (await sender.client.head(path)).status_code in (200, 405)
    assert await sender.here.state(sent) == "unverified"


async def test_the_button_confirms_and_leads_to_the_status(sender: Visitor, sent: UUID) -> None:
    path = f"/bekrafta/{sender.link('confirm', sent)}"
    status = await sender.follow(await sender.submit(await sender.get(path)))
    assert await sender.here.state(sent) == "submitted"
    assert len(status.html.select(".timeline li")) == 2
    assert "Upplands Väsby kommun" in status.text


async def test_a_double_click_confirms_once(sender: Visitor, sent: UUID) -> None:
    shown = await sender.get(f"/bekrafta/{sender.link('confirm', sent)}")
    done = await asyncio.gather(*(sender.submit(shown) for _ in range(4)))
    assert {one.status for one in done} == {303}
    assert len(await sender.here.facts(sent)) == 2


async def test_a_used_link_says_so_and_leads_on(sender: Visitor, sent: UUID) -> None:
    path = f"/bekrafta/{sender.link('confirm', sent)}"
    await sender.submit(await sender.get(path))
    used = await sender.get(path)
    assert used.heading in ("Du har bekräftat din adress", "You have confirmed your address")
    assert (await sender.follow(await sender.submit(used))).status == 200


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("unverified", ("raderar vi anmälan", "so we delete the registration")),
        ("expired", ("har vi raderat anmälan", "we have deleted the registration")),
        (None, ("har vi raderat anmälan", "we have deleted the registration")),
    ],
)
async def test_an_expired_link_offers_a_new_start(
    sender: Visitor, sent: UUID, state: str | None, said: tuple[str, str]
) -> None:
    path = f"/bekrafta/{sender.link('confirm', sent if state else UUID(int=1), hours=-1)}"
    if state:
        await sender.here.pool.execute("update registrations set state = $1", state)
    for shown in (await sender.get(path), await sender.post(path)):
        assert shown.status == 410
        assert said[sender.speaks_english] in shown.text
        assert shown.html.select(f'a[href="{sender.form_path()}"]')
    assert not state or await sender.here.state(sent) == state


@pytest.mark.parametrize(
    "state",
    [state.value for state in State if state not in (State.DRAFT, State.UNVERIFIED, State.EXPIRED)],
)
async def test_an_expired_link_of_a_confirmed_registration_says_so_and_opens_nothing(
    sender: Visitor, sent: UUID, state: str
) -> None:
    await sender.here.pool.execute("update registrations set state = $1", state)
    path = f"/bekrafta/{sender.link('confirm', sent, hours=-1)}"
    for shown in (await sender.get(path), await sender.post(path)):
        assert shown.status == 200
        assert shown.heading in ("Du har bekräftat din adress", "You have confirmed your address")
        assert "Upplands Väsby" not in shown.text
        assert not shown.html.select("main form, main a")
    assert await sender.here.state(sent) == state


async def test_the_link_of_an_expired_registration_offers_a_new_start(
    sender: Visitor, sent: UUID
) -> None:
    await sender.here.pool.execute("update registrations set expires_at = now()")
    path = f"/bekrafta/{sender.link('confirm', sent)}"
    assert (await sender.post(path)).status == 410
    await expire(sender.here.pool)
    for shown in (await sender.get(path), await sender.post(path)):
        assert shown.status == 410
        assert shown.html.select(f'a[href="{sender.form_path()}"]')


@pytest.mark.parametrize("address", ["/bekrafta", "/min-anmalan"])
@pytest.mark.parametrize("kind", ["made up", "tampered", "of another purpose", "of nothing"])
async def test_a_foreign_token_opens_nothing(
    sender: Visitor, sent: UUID, address: str, kind: str
) -> None:
    right = {"/bekrafta": "confirm", "/min-anmalan": "registration"}
    wrong = {"/bekrafta": "registration", "/min-anmalan": "confirm"}
    good = sender.link(right[address], sent)
    token = {
        "made up": "x" * 92,
        "tampered": ("B" if good[5] != "B" else "C").join((good[:5], good[6:])),
        "of another purpose": sender.link(wrong[address], sent),
        "of nothing": sender.link(right[address], UUID(int=1)),
    }[kind]
    for shown in (await sender.get(f"{address}/{token}"), await sender.post(f"{address}/{token}")):
        assert shown.status in (404, 405)
        assert shown.heading
    assert await sender.here.state(sent) == "unverified"


async def test_a_duplicate_is_offered_to_join_and_nobody_is_named(
    sender: Visitor, organisation: UUID
) -> None:
    first = await sender.here.confirmed(organisation_id=organisation, name="Canary Person")
    second = await sender.here.submitted(organisation_id=organisation)
    shown = await sender.get(f"/bekrafta/{sender.link('confirm', second)}")
    offer = await sender.follow(await sender.submit(shown))
    assert offer.heading.startswith(("Er kommun har redan", "Your municipality has already"))
    assert "Canary" not in offer.text
    unanswered = await sender.submit(offer)
    assert list(unanswered.errors) == ["choice"]
    status = await sender.follow(await sender.submit(offer, {"choice": "join"}))
    assert "Canary" not in status.text
    assert await sender.here.state(second) == "merged"
    assert await sender.here.state(first) == "submitted"


async def test_whoever_keeps_theirs_is_not_asked_again(sender: Visitor, duplicate: UUID) -> None:
    token = sender.link("registration", duplicate)
    offer = await sender.get(f"/min-anmalan/{token}/anslut")
    status = await sender.follow(await sender.submit(offer, {"choice": "keep"}))
    assert await sender.here.state(duplicate) == "in_review"
    assert not status.html.select(f'a[href="/min-anmalan/{token}/anslut"]')


async def test_joining_one_that_has_ended_says_what_to_do(sender: Visitor, duplicate: UUID) -> None:
    await sender.here.pool.execute(
        "update registrations set state = 'withdrawn' where registration_id <> $1", duplicate
    )
    offer = await sender.get(f"/min-anmalan/{sender.link('registration', duplicate)}/anslut")
    refused = await sender.submit(offer, {"choice": "join"})
    assert refused.status == 409
    assert refused.html.select(".error-summary")


async def test_the_offer_is_gone_once_it_is_decided(sender: Visitor, sent: UUID) -> None:
    token = sender.link("registration", sent)
    assert (await sender.get(f"/min-anmalan/{token}/anslut")).status == 303


async def test_withdrawing_asks_first_and_happens_once(sender: Visitor, organisation: UUID) -> None:
    made = await sender.here.confirmed(organisation_id=organisation)
    token = sender.link("registration", made)
    status = await sender.get(f"/min-anmalan/{token}")
    assert status.html.select(f'a[href="/min-anmalan/{token}/aterkalla"]')
    ask = await sender.get(f"/min-anmalan/{token}/aterkalla")
    assert await sender.here.state(made) == "submitted"
    for _ in range(2):
        done = await sender.follow(await sender.submit(ask))
    assert await sender.here.state(made) == "withdrawn"
    assert not done.html.select(f'a[href="/min-anmalan/{token}/aterkalla"]')
    assert (await sender.get(f"/min-anmalan/{token}/aterkalla")).status == 303


async def test_what_is_decided_can_no_longer_be_withdrawn(
    sender: Visitor, organisation: UUID
) -> None:
    made = await sender.here.confirmed(organisation_id=organisation)
    await sender.here.pool.execute("update registrations set state = 'accepted'")
    token = sender.link("registration", made)
    for refused in (
        await sender.post(f"/min-anmalan/{token}/aterkalla"),
        await sender.post(f"/min-anmalan/{token}/anslut", {"choice": "join"}),
    ):
        assert refused.status == 409
        assert refused.heading in ("Er anmälan", "Your registration")
        said = (
            "Anmälan har nu läget ”Antagen”, så det här gick inte att göra.",
            "The registration is now “Accepted”, so this could not be done.",
        )
        assert said[sender.speaks_english] in refused.text
    assert await sender.here.state(made) == "accepted"


async def test_personal_pages_rest_in_no_cache(sender: Visitor, sent: UUID) -> None:
    shown = await sender.get(f"/min-anmalan/{sender.link('registration', sent)}")
    assert shown.answer.headers["cache-control"] == "no-store"
    assert shown.answer.headers["referrer-policy"] == "no-referrer"
