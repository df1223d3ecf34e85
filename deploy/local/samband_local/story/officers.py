"""What the officers of the municipalities do: register, confirm, join."""

from __future__ import annotations

from typing import TYPE_CHECKING

from samband_local.story.visitor import PageSurprise, Visitor

if TYPE_CHECKING:
    from samband_local.story.cast import Officer
    from samband_local.story.mail import Inbox
    from samband_local.story.visitor import Page

WHICH = "Which organisation do you mean?"


async def fill_in(visitor: Visitor, officer: Officer, call_path: str) -> Page:
    """Answer every question; returns the page with all answers to check."""
    page = await visitor.open(call_path)
    page = await visitor.submit(page.form("Continue").fill("Municipality", officer.municipality))
    if page.heading == WHICH:
        page = await visitor.submit(page.form("Continue").choose(_own(page, officer)))
    form = page.form("Continue")
    form.fill("Your name", officer.name).fill("E-mail address", officer.email).choose("Svenska")
    page = await visitor.submit(form)
    form = page.form("Continue")
    form.fill("Partner abroad", officer.counterpart or "Not decided yet")
    form.choose("Human rights" if officer.counterpart else "Not decided yet")
    return await visitor.submit(form)


async def send(visitor: Visitor, checked: Page) -> str:
    """Send what was checked; returns the reference number on the receipt."""
    receipt = await visitor.submit(checked.form("Send the registration"))
    return receipt.value("Reference number")


async def confirm(visitor: Visitor, officer: Officer, inbox: Inbox) -> Page:
    """Press the button behind the link in the mail."""
    letter = await inbox.wait_for(officer.email, "confirm_registration")
    page = await visitor.open(letter.link("/bekrafta"))
    return await visitor.submit(page.form("Confirm the address"))


async def join(visitor: Visitor, officer: Officer, inbox: Inbox) -> Page:
    """Come back by the link in the mail, and accept the offer to join the first registration."""
    letter = await inbox.wait_for(officer.email, "registration_flagged")
    status = await visitor.open(letter.link("/min-anmalan"))
    offer = await visitor.open(status.link("Choose whether to join the other registration"))
    return await visitor.submit(offer.form("Continue").choose("Join the first registration"))


def _own(page: Page, officer: Officer) -> str:
    for label in page.labels():
        if label.startswith(officer.municipality) and label.endswith("kommun"):
            return label
    raise PageSurprise(f"{officer.municipality} is not among {page.labels()}.")
