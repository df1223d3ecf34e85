"""What ICLD's staff do: open the call, answer, build the network, invite."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from samband_local.story.patience import until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_local.story.cast import Counterpart
    from samband_local.story.visitor import Page, Visitor

CALLS = "/handlaggning/utlysningar"
ORGANISATIONS = "/handlaggning/organisationer"
REGISTRATIONS = "/handlaggning/anmalningar"
NETWORKS = "/natverk"
ZONE = "Europe/Stockholm"


async def sign_in(visitor: Visitor, link: str) -> None:
    """Use the sign-in link."""
    page = await visitor.open(link)
    await visitor.submit(page.form("Sign in"))


async def open_call(visitor: Visitor, title: str, today: date) -> str:
    """Open a call for a month; returns the path of its form."""
    page = await visitor.open(CALLS)
    form = page.form("Open the call").fill("Title in Swedish", title)
    form.fill("Title in English", title)
    form.fill("Opens", f"{today - timedelta(days=1)}T08:00")
    form.fill("Closes", f"{today + timedelta(days=30)}T23:59")
    page = await visitor.submit(form)
    return page.link(title)


async def add_counterparts(visitor: Visitor, counterparts: Sequence[Counterpart]) -> int:
    """Add the local governments abroad that are not there yet; returns how many."""
    page = await visitor.open(ORGANISATIONS)
    missing = [one for one in counterparts if not page.has_row(one.name)]
    for one in missing:
        form = page.form("Add").fill("Name", one.name).fill("Country", one.country_name)
        page = await visitor.submit(form)
    return len(missing)


async def registrations(visitor: Visitor, call_title: str) -> list[str]:
    """The addresses of the call's registrations that wait for an answer."""
    page = await visitor.open(REGISTRATIONS)
    form = page.form("Show").fill("Call", call_title).fill("State", "Received")
    page = await visitor.submit(form)
    return page.row_links()


async def accept(visitor: Visitor, address: str) -> Page:
    """Open the dialogue about a registration and accept it."""
    page = await visitor.open(address)
    page = await visitor.submit(page.form("Open the dialogue"))
    return await visitor.submit(page.form("Accept"))


async def build_network(visitor: Visitor, name: str, call_title: str, *, patience: float) -> str:
    """Plan, announce and open a network fed by the call; returns its address.

    The call's opening has to reach the networks first: `patience` in seconds.
    """
    page = await until(
        lambda: visitor.open(f"{NETWORKS}/nytt"),
        lambda page: page.has_option(call_title),
        seconds=patience,
    )
    form = page.form("Plan the network").fill("Name in Swedish", name)
    form.fill("Name in English", name).fill("Call", call_title)
    page = await visitor.submit(form)
    for step in ("Announce the network", "Open the network"):
        page = await visitor.open(page.link(step))
        page = await visitor.submit(page.form(step))
    return page.url


async def plan_kickoff(visitor: Visitor, network: str, day: date) -> Page:
    """Plan the kickoff; returns the page that shows what members will get."""
    page = await visitor.open(network)
    page = await visitor.open(page.link("Plan the kickoff"))
    form = page.form("Save and see the invitation").choose("Kickoff")
    form.fill("Title in Swedish", "Uppstartsmöte").fill("Title in English", "Kickoff")
    form.fill("Date", day.isoformat()).fill("Starts", "10:00").fill("Ends", "12:00")
    form.choose("Digital").fill("Link to the digital room", "https://meet.example/kickoff")
    form.fill("Agenda in Swedish", "Välkomna\nParen presenterar sig\nVåren framåt")
    form.fill("Agenda in English", "Welcome\nThe pairs present themselves\nThe spring ahead")
    return await visitor.submit(form)


async def publish(visitor: Visitor, draft: Page) -> Page:
    """Publish the meeting."""
    return await visitor.submit(draft.form("Publish and invite"))
