"""Bad input to pages: a clear message at the field, and what was typed stays."""

import html
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest
from bs4 import BeautifulSoup
from samband_contracts.values import Role
from samband_kit.ids import new_id
from samband_kit.testing import Backing

from tests.networks.stage import Person, Stage, stage

NETWORK = {"name_sv": "Barn och unga", "name_en": "Children", "round": "2", "capacity": "16"}
MEETING = {
    "kind": "network_meeting",
    "title_sv": "Vårträff",
    "title_en": "Spring meeting",
    "date": "2031-02-11",
    "starts": "10:00",
    "ends": "11:30",
    "zone": "Europe/Stockholm",
    "form": "digital",
    "digital_link": "https://rum.example/kickoff",
    "agenda_sv": "Rad ett\nRad två",
    "agenda_en": "Line one",
}
CHOOSE_CALL = (
    "Den utlysningen finns inte. Välj en i listan.",
    "There is no such call. Choose one from the list.",
)
CAPACITY = ("Skriv ett tal från 1 till 999.", "Write a number from 1 to 999.")
ROUND = ("Skriv ett tal från 1 till 99.", "Write a number from 1 to 99.")
ZONE = ("Välj en tidszon i listan.", "Choose a time zone from the list.")
CLOCK = (
    "Skriv tiden som timmar och minuter, till exempel 10.00.",
    "Write the time as hours and minutes, such as 10:00.",
)
DAY = (
    "Skriv datumet som år-månad-dag, till exempel 2027-02-09.",
    "Write the date as year-month-day, such as 2027-02-09.",
)
AHEAD = (
    "Välj ett datum och en starttid som ligger framåt i tiden.",
    "Choose a date and a start that lie ahead.",
)
LINK = (
    "Skriv hela länken. Den börjar med https://.",
    "Write the whole link, beginning with https://.",
)
LONG = ("högst 120 tecken", "at most 120 characters")
ONE_LINE = ("på en rad", "on one line")
UNSHOWN = ("tecknen som inte kan visas", "characters that cannot be shown")
SHORTEN_AGENDA = ("högst 4000 tecken", "at most 4000 characters")

NETWORK_CASES = [
    ("name_sv", "", ("Skriv nätverkets namn på svenska.", "Write the network's name in Swedish.")),
    (
        "name_sv",
        "  ",
        ("Skriv nätverkets namn på svenska.", "Write the network's name in Swedish."),
    ),
    ("name_sv", "å" * 121, LONG),
    ("name_sv", "Barn\noch unga", ONE_LINE),
    ("name_sv", "Barn\u2028och unga", ONE_LINE),
    ("name_sv", "Barn\x00", UNSHOWN),
    ("name_sv", "Barn\u202egnu", UNSHOWN),
    ("name_en", "", ("Skriv nätverkets namn på engelska.", "Write the network's name in English.")),
    ("name_en", "x" * 121, LONG),
    ("round", "", ("Skriv vilken omgång det är, 1 för den första.", "Write which round it is")),
    ("round", "0", ROUND),
    ("round", "-1", ROUND),
    ("round", "1e309", ROUND),
    ("round", "NaN", ROUND),
    ("round", "9" * 40, ROUND),
    ("capacity", "0", CAPACITY),
    ("capacity", "många", CAPACITY),
    ("call_id", "ingen", CHOOSE_CALL),
    ("call_id", str(UUID(int=7)), CHOOSE_CALL),
]
MEETING_CASES = [
    ("kind", "", ("Välj vilket slags möte det är.", "Choose what kind of meeting it is.")),
    ("kind", "fest", ("Välj ett av svaren.", "Choose one of the answers.")),
    ("title_sv", "", ("Skriv en rubrik på svenska.", "Write a title in Swedish.")),
    ("title_sv", "x" * 121, LONG),
    ("title_sv", "Vår\r\nBcc: alla", ONE_LINE),
    ("title_en", "", ("Skriv en rubrik på engelska.", "Write a title in English.")),
    ("title_en", "Spring\x07", UNSHOWN),
    ("date", "", ("Välj ett datum.", "Choose a date.")),
    ("date", "2031-02-30", DAY),
    ("date", "11/2 2031", DAY),
    ("date", "0000-00-00", DAY),
    ("date", "1924617600", DAY),
    ("date", "2001-02-11", AHEAD),
    ("date", "9999-12-31", ("inom de närmaste fem åren", "within the next five years")),
    ("starts", "", ("Skriv när mötet börjar.", "Write when the meeting starts.")),
    ("starts", "25:00", CLOCK),
    ("starts", "10:00:00+02:00", CLOCK),
    ("ends", "", ("Skriv när mötet slutar.", "Write when the meeting ends.")),
    ("ends", "halv tolv", CLOCK),
    ("ends", "09:00", ("senare än starten", "later than the start")),
    ("zone", "", ZONE),
    ("zone", "Europe/Atlantis", ZONE),
    ("zone", "../../etc/passwd", ZONE),
    ("form", "", ("Välj hur ni träffas.", "Choose how people meet.")),
    ("form", "telepathic", ("Välj ett av svaren.", "Choose one of the answers.")),
    (
        "digital_link",
        "",
        ("Skriv länken till det digitala rummet.", "Write the link to the digital"),
    ),
    ("digital_link", "http://rum.example", LINK),
    ("digital_link", "javascript:alert(1)", LINK),
    ("digital_link", "https://", LINK),
    ("digital_link", "https://rum.example/a b", LINK),
    ("digital_link", "https://a:b@rum.example", LINK),
    ("digital_link", "https://rum.example/" + "x" * 2000, ("högst 2000", "at most 2000")),
    ("agenda_sv", "", ("Skriv en dagordning på svenska.", "Write an agenda in Swedish.")),
    ("agenda_sv", "x" * 4001, SHORTEN_AGENDA),
    ("agenda_en", "", ("Skriv en dagordning på engelska.", "Write an agenda in English.")),
    ("agenda_en", "Line\x1b[31m", UNSHOWN),
]


@pytest.fixture(scope="module")
async def on(backing: Backing) -> AsyncIterator[Stage]:
    async with stage(backing) as running:
        yield running


@pytest.fixture(scope="module", params=["sv", "en"])
async def person(on: Stage, request: pytest.FixtureRequest) -> AsyncIterator[Person]:
    async with on.person(await on.hire(Role.COORDINATOR), language=request.param) as somebody:
        yield somebody


@pytest.fixture(scope="module")
async def network(person: Person) -> str:
    name = {"name_sv": f"Nätverk {new_id()}", "name_en": "Network", "round": "1"}
    return (await person.submit("/natverk/nytt", name)).headers["location"]


def said(message: tuple[str, str], person: Person) -> str:
    return message[0 if person.client.cookies["lang"] == "sv" else 1]


def values(page: BeautifulSoup) -> Iterator[tuple[str, str]]:
    """What the form's fields show."""
    for one in page.select("main input:not([type=hidden])"):
        if one["type"] != "radio" or one.has_attr("checked"):
            yield str(one["name"]), html.unescape(str(one["value"]))
    for one in page.select("main textarea"):
        yield str(one["name"]), one.get_text().removeprefix("\n")
    for one in page.select("main option[selected]"):
        yield str(one.find_parent("select")["name"]), str(one["value"])  # type: ignore[index]  # every option has one


def check(answer: str, field: str, message: str, typed: dict[str, str], *, bad: str) -> None:
    page = BeautifulSoup(answer, "html.parser")
    assert page.title
    assert page.title.get_text().startswith(("Fel:", "Error:"))
    summary = page.select_one(".error-summary")
    assert summary
    assert summary.has_attr("autofocus")
    link = summary.select_one(f"a[href='#field-{field}']")
    assert link
    assert page.select_one(f"#field-{field}")
    at_field = page.select_one(f"#field-{field}-error")
    assert at_field
    assert message in at_field.get_text()
    assert link.get_text() in at_field.get_text()
    shown = dict(values(page))
    for name, value in typed.items():
        if name != field:
            assert shown[name] == value, name
    if bad.isprintable() and field not in {"kind", "form", "zone", "call_id"}:
        assert shown[field] == bad


@pytest.mark.parametrize(("field", "bad", "message"), NETWORK_CASES)
async def test_a_network_with_a_wrong_answer(
    person: Person, field: str, bad: str, message: tuple[str, str]
) -> None:
    answer = await person.submit("/natverk/nytt", {**NETWORK, field: bad})
    assert answer.status_code == 422
    check(answer.text, field, said(message, person), NETWORK, bad=bad)


@pytest.mark.parametrize(("field", "bad", "message"), MEETING_CASES)
async def test_a_meeting_with_a_wrong_answer(
    person: Person, network: str, field: str, bad: str, message: tuple[str, str]
) -> None:
    answer = await person.submit(f"{network}/moten/nytt", {**MEETING, field: bad})
    assert answer.status_code == 422
    check(answer.text, field, said(message, person), MEETING, bad=bad)


@pytest.mark.parametrize(
    ("day", "starts", "message"),
    [
        ("2027-03-28", "02:30", ("hoppar över den här tiden", "skip this time")),
        ("2027-10-31", "02:30", ("kommer två gånger", "comes twice")),
    ],
)
async def test_an_hour_that_the_clocks_skip_or_repeat(
    person: Person, network: str, day: str, starts: str, message: tuple[str, str]
) -> None:
    wrong = {**MEETING, "date": day, "starts": starts, "ends": "05:00"}
    answer = await person.submit(f"{network}/moten/nytt", wrong)
    assert answer.status_code == 422
    check(answer.text, "starts", said(message, person), wrong, bad=starts)


async def test_a_link_to_a_meeting_on_site_is_refused_at_the_link(
    person: Person, network: str
) -> None:
    on_site = {**MEETING, "form": "physical"}
    answer = await person.submit(f"{network}/moten/nytt", on_site)
    assert answer.status_code == 422
    message = said(("Ett möte på plats har ingen länk.", "A meeting on site has no link."), person)
    check(answer.text, "digital_link", message, on_site, bad=MEETING["digital_link"])


async def test_everything_missing_is_said_at_once_in_the_forms_order(
    person: Person, network: str
) -> None:
    answer = await person.submit(f"{network}/moten/nytt", {})
    links = BeautifulSoup(answer.text, "html.parser").select(".error-summary a")
    fields = [name for name in MEETING if name != "digital_link"]
    assert [str(link["href"]) for link in links] == [f"#field-{name}" for name in fields]


async def test_markup_in_an_answer_is_shown_as_it_was_typed(person: Person) -> None:
    name = {"name_sv": "<script>x</script> {{7*7}}", "name_en": "<b>'\"</b>", "round": "99"}
    made = await person.submit(
        "/natverk/nytt", {**name, "name_sv": f"{name['name_sv']} {new_id()}"}
    )
    shown = (await person.get(made.headers["location"])).text
    assert "<script>x" not in shown
    assert "{{7*7}}" in shown


async def test_nothing_but_our_form_is_taken(person: Person, network: str) -> None:
    page = "/natverk/nytt"
    assert (await person.submit(page, {**NETWORK, "state": "running"})).status_code == 422
    shown = await person.get(page)
    token = BeautifulSoup(shown.text, "html.parser").select_one("main [name=csrf_token]")
    assert token
    csrf = {"csrf_token": str(token["value"])}
    post = person.client.post
    assert (await post(page, data=NETWORK)).status_code == 403
    assert (await post(page, data={**NETWORK, **csrf})).status_code == 422
    assert (await post(page, json={**NETWORK, **csrf})).status_code == 403
    headers = {"X-CSRF-Token": person.csrf}
    assert (await post(page, json=NETWORK, headers=headers)).status_code == 415
    assert (await post(page, content=b"", headers=headers)).status_code == 415
    assert (await post(page, data={**csrf, "name_sv": "x" * 1_000_000})).status_code == 413
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    assert (await post(page, data={**NETWORK, **csrf}, headers=elsewhere)).status_code == 403
    twice = [*csrf.items(), *NETWORK.items(), ("round", "3"), ("idempotency_key", str(new_id()))]
    body = "&".join(f"{name}={value}" for name, value in twice)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await post(page, content=body, headers=form)).status_code == 422
    assert (await post(f"{network}/steg/offentliggor", data=csrf)).status_code == 422


async def test_what_does_not_exist_is_not_found(person: Person, network: str) -> None:
    some = UUID(int=7)
    for path in (
        f"/natverk/{some}",
        "/natverk/etta",
        f"/natverk/{some}/moten/nytt",
        f"{network}/moten/{some}",
        f"{network}/moten/{some}/andra",
        f"{network}/medlemmar/{some}",
        f"{network}/steg/flyga",
    ):
        answer = await person.get(path)
        assert answer.status_code == 404, path
        assert BeautifulSoup(answer.text, "html.parser").h1
    for path in (
        f"{network}/moten/{some}/publicera",
        f"{network}/moten/{some}/stall-in",
        f"{network}/medlemmar/{some}/avsluta",
        f"{network}/uppgifter/{some}/klar",
        f"/natverk/{some}/steg/offentliggor",
    ):
        answer = await person.submit("/natverk/nytt", {}, to=path)
        assert answer.status_code == 404, path
