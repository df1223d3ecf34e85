"""The public form: its steps, what it says to bad input, the receipt."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from samband_kit.testing import Backing

from tests.registration.register import Register, register
from tests.registration.visitor import ANSWERS, Visitor, visitor

STEPS = {
    "organisation": ("organisation",),
    "contact": ("name", "email", "language"),
    "partnership": ("counterpart", "theme"),
}
CALL_CLOSES = "update calls set closes_at = $1, opens_at = $2"


@pytest.fixture(scope="module")
async def here(backing: Backing) -> AsyncIterator[Register]:
    async with register(backing, human_seconds=0) as made:
        yield made


@pytest.fixture(params=["sv", "en"])
async def anybody(request: pytest.FixtureRequest, here: Register) -> AsyncIterator[Visitor]:
    async with visitor(here, language=request.param) as somebody:
        yield somebody


@pytest.fixture
async def swede(here: Register) -> AsyncIterator[Visitor]:
    async with visitor(here) as somebody:
        yield somebody


async def count(here: Register) -> int:
    found: int = await here.pool.fetchval("select count(*) from registrations")
    return found


async def test_step_by_step_to_the_receipt(anybody: Visitor) -> None:
    start = await anybody.get("/")
    assert str(anybody.here.call.call_id) in start.answer.text
    contact = await anybody.submit(
        await anybody.get(anybody.form_path()), {"organisation": "pitea"}
    )
    partnership = await anybody.submit(
        contact, {"name": "Kim Lind", "email": "kim@pitea.example", "language": "en"}
    )
    check = await anybody.submit(
        partnership,
        {"counterpart": str(anybody.here.chinsali.organisation_id), "theme": "culture"},
    )
    for shown in ("Piteå kommun", "Kim Lind", "kim@pitea.example", "English", "Chinsali"):
        assert shown in check.text
    receipt = await anybody.follow(await anybody.submit(check))
    assert receipt.heading in (
        "Vi har tagit emot er anmälan",
        "We have received your registration",
    )
    newest = "select reference from registrations order by registration_id desc limit 1"
    assert await anybody.here.pool.fetchval(newest) in receipt.text
    assert "kim@pitea.example" not in receipt.text


async def test_every_answer_can_be_changed_without_losing_the_others(swede: Visitor) -> None:
    check = await swede.check_page()
    contact = await swede.submit(check, to=swede.form_path("?show=contact"))
    assert contact.status == 200
    assert contact.typed()["email"] == ANSWERS["email"]
    again = await swede.submit(contact, {"name": "Kim Lind Ek"})
    assert again.heading == "Granska dina svar"
    assert "Kim Lind Ek" in again.text
    kept = {name: value for name, value in again.typed().items() if name in ANSWERS}
    assert kept == {**ANSWERS, "name": "Kim Lind Ek"}


async def test_a_misspelled_organisation_is_offered_and_can_be_written_again(
    anybody: Visitor,
) -> None:
    first = await anybody.get(anybody.form_path())
    which = await anybody.submit(first, {"organisation": "Ovannåker"})
    assert which.status == 200
    assert "Ovanåkers kommun" in which.text
    assert "Gävleborgs län" in which.text
    nothing = await anybody.submit(which)
    assert list(nothing.errors) == ["organisation_id"]
    again = await anybody.submit(nothing, {"organisation_id": "again"})
    assert again.typed()["organisation"] == "Ovannåker"
    choice = which.html.select_one("input[type=radio]")
    assert choice is not None
    contact = await anybody.submit(which, {"organisation_id": str(choice["value"])})
    assert contact.heading in ("Vem är kontaktperson?", "Who is the contact person?")


async def test_an_unknown_organisation_gets_a_message_at_its_field(anybody: Visitor) -> None:
    first = await anybody.get(anybody.form_path())
    shown = await anybody.submit(first, {"organisation": "Qqqwxyz"})
    assert shown.status == 422
    assert list(shown.errors) == ["organisation"]
    assert shown.typed()["organisation"] == "Qqqwxyz"


BAD = {
    "organisation": [
        "",
        " ",
        "x" * 201,
        "Lund\r\nBcc: a@b.se",
        "Lund\x00",
        "Lund\u202e",
        "Lund\u2028",
    ],
    "name": ["", "x" * 121, "Kim\nLind", "Kim\x07", "www.spam.example", "kim@spam.se", "\u202eKim"],
    "email": [
        *("", "kim", "kim@", "@lund.se", "a@b.se,c@d.se", "kim@lund.se\nBcc: x@y.se"),
        *("kïm@lund.se", "kim@[127.0.0.1]", "k" * 65 + "@lund.se", "kim@" + "x" * 260 + ".se"),
    ],
    "language": ["", "de", "sv\n", "x" * 100],
    "counterpart": ["", "football", "00000000-0000-0000-0000-000000000001", "x" * 100],
    "theme": ["", "football", "cult\nure", "x" * 100],
    "message": ["x" * 2001, "hej\x00", "hej\x1b[31m", "a\u0300\u0300\u0300\u0300\u0300\u0300"],
}


@pytest.mark.parametrize("field", BAD)
async def test_a_bad_answer_gets_a_message_at_its_field_and_stays(
    anybody: Visitor, field: str
) -> None:
    before = await count(anybody.here)
    first = await anybody.get(anybody.form_path())
    for number, wrong in enumerate(BAD[field]):
        path = anybody.form_path("/skicka" if number == 0 else "/granska")
        shown = await anybody.submit(first, {**ANSWERS, field: wrong}, to=path)
        assert (shown.status, list(shown.errors)) == (422, [field]), wrong
        typed = {name: text for name, text in shown.typed().items() if name in ANSWERS}
        assert {**typed, field: wrong} == {**ANSWERS, field: wrong}
        box = shown.html.select_one(
            f"input[name={field}]:not([type=radio]), textarea[name={field}]"
        )
        if box is not None and wrong.isprintable():
            assert typed[field].strip() == wrong.strip()
    assert await count(anybody.here) == before


@pytest.mark.parametrize("field", [field for fields in STEPS.values() for field in fields])
async def test_a_missing_answer_is_asked_for_at_its_field(anybody: Visitor, field: str) -> None:
    first = await anybody.get(anybody.form_path())
    answers = {name: text for name, text in ANSWERS.items() if name != field}
    step = next(step for step, fields in STEPS.items() if field in fields)
    shown = await anybody.post(
        anybody.form_path(f"?after={step}"),
        {name: text for name, text in answers.items() if name != "csrf_token"},
    )
    assert (first.status, shown.status) == (200, 422)
    assert list(shown.errors) == [field]


async def test_a_double_click_registers_once(swede: Visitor) -> None:
    check = await swede.check_page()
    before = await count(swede.here)
    sent = await asyncio.gather(*(swede.submit(check) for _ in range(5)))
    receipts = [await swede.follow(one) for one in sent]
    assert len({receipt.text for receipt in receipts}) == 1
    assert await count(swede.here) == before + 1


async def test_a_form_that_was_sent_cannot_be_sent_with_other_answers(swede: Visitor) -> None:
    check = await swede.check_page()
    await swede.submit(check)
    other = await swede.submit(check, {"name": "Other Name"})
    assert other.status == 409


async def test_known_and_unknown_addresses_get_the_same_answer(swede: Visitor) -> None:
    receipts = [
        await swede.follow(await swede.submit(await swede.check_page(email=email)))
        for email in ("known@pitea.example", "known@pitea.example", "new@pitea.example")
    ]
    said = {
        receipt.text.replace(strong.get_text(), "")
        for receipt in receipts
        if (strong := receipt.html.select_one("strong"))
    }
    assert len(said) == 1


async def test_the_trap_catches_who_fills_everything_in(anybody: Visitor) -> None:
    check = await anybody.check_page()
    before = await count(anybody.here)
    shown = await anybody.submit(check, {"website": "https://spam.example"})
    assert shown.status == 422
    assert shown.typed()["email"] == ANSWERS["email"]
    assert await count(anybody.here) == before


async def test_a_form_token_of_another_form_is_refused(swede: Visitor) -> None:
    check = await swede.check_page()
    assert (await swede.submit(check, {"form_token": "made-up"})).status == 422


@pytest.mark.parametrize("path", ["", "/granska", "/skicka"])
async def test_what_is_no_form_of_ours_is_refused(swede: Visitor, path: str) -> None:
    target = swede.form_path(path)
    foreign = await swede.client.post(target, data=ANSWERS)
    assert foreign.status_code == 403
    as_json = await swede.client.post(target, json=ANSWERS)
    assert as_json.status_code == 415
    large = await swede.post(target, {**ANSWERS, "message": "x" * 1_000_000})
    assert large.status == 413
    assert large.heading
    extra = await swede.post(target, {**ANSWERS, "state": "accepted"})
    assert extra.status == 422


@pytest.mark.parametrize("path", ["/anmalan/00000000-0000-0000-0000-000000000001", "/anmalan/x"])
async def test_an_unknown_call_says_so(anybody: Visitor, path: str) -> None:
    shown = await anybody.get(path)
    assert shown.status in (404, 422)
    assert shown.heading


async def test_a_closed_call_says_what_to_do_and_takes_nothing(anybody: Visitor) -> None:
    check = await anybody.check_page()
    before = await count(anybody.here)
    now = datetime.now(UTC)
    pool, call = anybody.here.pool, anybody.here.call
    await pool.execute(CALL_CLOSES, now - timedelta(minutes=1), call.opens_at)
    try:
        closed = await anybody.get(anybody.form_path())
        assert (closed.status, bool(closed.html.select('main a[href="/"]'))) == (410, True)
        assert (await anybody.submit(check)).status == 410
        assert await count(anybody.here) == before
        assert str(call.call_id) not in (await anybody.get("/")).answer.text
        await pool.execute(CALL_CLOSES, now + timedelta(days=2), now + timedelta(days=1))
        early = await anybody.get(anybody.form_path())
        assert (early.status, early.typed()) == (200, {})
    finally:
        await pool.execute(CALL_CLOSES, call.closes_at, call.opens_at)


async def test_a_browser_may_keep_the_pages_of_the_form_but_no_other(swede: Visitor) -> None:
    # Without that, its button "back" would show a warning instead of the answers.
    assert (await swede.check_page()).answer.headers["cache-control"] == "private, no-cache"
    assert (await swede.get("/")).answer.headers["cache-control"] == "no-store"


async def test_a_receipt_cannot_be_guessed(anybody: Visitor) -> None:
    assert (await anybody.get("/anmalan/mottagen/482-915-637")).status == 404
