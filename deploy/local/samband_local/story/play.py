"""The play itself: act by act, from the call to the invitation in the mailbox."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from samband_local.story import officers, staff
from samband_local.story.cast import cast
from samband_local.story.events import published
from samband_local.story.mail import Inbox
from samband_local.story.patience import until
from samband_local.story.report import Mails, Report, compare_mails
from samband_local.story.visitor import Visitor

if TYPE_CHECKING:
    from samband_kit.kafka import Access

    from samband_local.story.cast import Cast, Officer
    from samband_local.story.teller import Teller
    from samband_local.story.visitor import Page

MAILS = (
    "confirm_registration",
    "registration_received",
    "registration_flagged",
    "registration_joined",
    "registration_accepted",
    "invitation",
)
OF_DUPLICATES = ("registration_flagged", "registration_joined")
HUMAN_SECONDS = 3.5
"""Nobody fills in a form faster; the form itself says so to whoever tries."""


@dataclass(frozen=True)
class Stage:
    """The running system that the story is played on."""

    url: str
    mailbox_url: str
    kafka: Access
    staff_link: str
    patience: float = 60
    """Seconds that anything may take to arrive."""


async def play(stage: Stage, teller: Teller) -> Report:
    """Play the first human-rights network and check every count.

    Raises:
        PageSurprise, NoSuchMail: somebody could not go on.
    """
    began, start = datetime.now(UTC), time.monotonic()
    mark = uuid4().hex[:8]
    people = cast(mark)
    title = f"{people.network} {mark}"
    senders = (*people.officers, people.second_lund)
    report = Report()
    async with AsyncExitStack() as open_things:
        browser = await open_things.enter_async_context(Visitor(stage.url))
        inbox = await open_things.enter_async_context(
            Inbox(stage.mailbox_url, [one.email for one in senders], patience=stage.patience)
        )
        teller.act("A call is opened")
        call = await _open_call(stage, browser, people, title, teller)
        teller.act("Municipalities register interest")
        await _register(stage, people, call, inbox, report, teller)
        teller.act("ICLD builds the network and answers")
        network = await _answer(stage, browser, people, title, report, teller)
        teller.act("The coordinator invites to the kickoff")
        await _invite(browser, network, report, teller)
        teller.act("The mail is counted")
        await _count(inbox, people, report, teller)
    report.seconds = time.monotonic() - start
    seen = await published(stage.kafka, began)
    report.events_published, report.sequence_gaps = seen.events, seen.sequence_gaps
    report.expect("Gaps in the sequences of events", report.sequence_gaps, 0)
    teller.line(f"{report.events_published} events were published, {report.sequence_gaps} missing.")
    return report


async def _open_call(
    stage: Stage, browser: Visitor, people: Cast, title: str, teller: Teller
) -> str:
    await staff.sign_in(browser, stage.staff_link)
    teller.line("Staff sign in with the link.")
    added = await staff.add_counterparts(browser, people.counterparts)
    teller.line(f"{added} local governments abroad are added to the register.")
    call = await staff.open_call(browser, title, datetime.now(UTC).date())
    teller.line(f"The call “{title}” is open.")
    return call


async def _register(
    stage: Stage, people: Cast, call: str, inbox: Inbox, report: Report, teller: Teller
) -> None:
    senders = (*people.officers, people.second_lund)
    async with AsyncExitStack() as phones:
        visitors = [await phones.enter_async_context(Visitor(stage.url)) for _ in senders]
        checked = [
            await officers.fill_in(visitor, officer, call)
            for visitor, officer in zip(visitors, senders, strict=True)
        ]
        await asyncio.sleep(HUMAN_SECONDS)
        for visitor, officer, page in zip(visitors, senders, checked, strict=True):
            reference = await officers.send(visitor, page)
            teller.line(f"{officer.name} sends {officer.municipality}'s interest: {reference}")
        for visitor, officer in zip(visitors, senders, strict=True):
            page = await officers.confirm(visitor, officer, inbox)
            await _after_confirming(visitor, officer, page, inbox, report, teller)
    report.expect("Registrations submitted", report.registrations_submitted, len(people.officers))
    report.expect("Duplicates caught", report.duplicates_caught, 1)


async def _after_confirming(
    visitor: Visitor, officer: Officer, page: Page, inbox: Inbox, report: Report, teller: Teller
) -> None:
    if "already registered interest" not in page.heading:
        report.registrations_submitted += 1
        teller.line(f"{officer.municipality} is confirmed.")
        return
    report.duplicates_caught += 1
    await officers.join(visitor, officer, inbox)
    teller.line(f"{officer.municipality} is registered already: {officer.name} joins the first.")


async def _answer(
    stage: Stage, browser: Visitor, people: Cast, title: str, report: Report, teller: Teller
) -> str:
    network = await staff.build_network(browser, title, title, patience=stage.patience)
    teller.line("The network is planned, announced and open.")
    addresses = await staff.registrations(browser, title)
    with teller.counting("accepted", len(addresses)) as told:
        for count, address in enumerate(addresses, 1):
            await staff.accept(browser, address)
            told(count)
    teller.line(f"{len(addresses)} registrations are accepted.")
    expected = len(people.officers) + len(people.counterparts)
    with teller.counting("members", expected) as told:

        async def members() -> int:
            found = (await browser.open(network)).rows("Members")
            told(found)
            return found

        report.organisations_in_network = await until(
            members, lambda found: found >= expected, seconds=stage.patience
        )
    teller.line(f"{report.organisations_in_network} organisations are members.")
    report.expect("Organisations in the network", report.organisations_in_network, expected)
    return network


async def _invite(browser: Visitor, network: str, report: Report, teller: Teller) -> None:
    day = (datetime.now(UTC) + timedelta(days=60)).date()
    draft = await staff.plan_kickoff(browser, network, day)
    meeting = await staff.publish(browser, draft)
    report.meetings_scheduled = (await browser.open(network)).rows("Meetings")
    report.expect("Meetings scheduled", report.meetings_scheduled, 1)
    teller.line(f"{meeting.heading}: {meeting.value('Time')}")


async def _count(inbox: Inbox, people: Cast, report: Report, teller: Teller) -> None:
    expected = expected_mails(people)
    with teller.counting("mails", expected.total()) as told:
        await inbox.settle(expected.total(), told)
    compare_mails(report, expected, await inbox.count())
    teller.line(f"{report.mails_received} mails have come, {report.mails_expected} should have.")


def expected_mails(people: Cast) -> Mails:
    """What each contact person should get: the second Lund is asked, and told that it joined."""
    mails: Mails = Counter()
    for officer in people.officers:
        mails.update((officer.email, kind) for kind in MAILS if kind not in OF_DUPLICATES)
    mails.update(
        (people.second_lund.email, kind) for kind in MAILS if kind != "registration_received"
    )
    return mails
