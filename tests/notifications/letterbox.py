"""A letterbox for tests: mails as they would go over the wire, without a wire."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any
from uuid import UUID

from icalendar import Calendar
from samband_contracts.values import Localised, MeetingForm, MeetingKind
from samband_notifications.mails.compose import House, Person, fill, mould
from samband_notifications.mails.facts import Facts, MeetingFacts, RegistrationFacts
from samband_notifications.mails.headers import mailbox
from samband_notifications.mails.letters import Letters

if TYPE_CHECKING:
    from email.message import EmailMessage

    from samband_notifications.notifications.domain import Template

HOUSE = House("ICLD Samband", "samband@icld.example", "https://samband.example")
LETTERS = Letters()
LINK = "https://samband.example/bekrafta/abc_DEF-123.x"
ANNA = Person("Anna Ek", "anna@lund.example", "sv", "Europe/Stockholm", "Lunds kommun")
CHANDA = Person("Chanda Mwila", "chanda@chinsali.example", "en", "Africa/Lusaka", "Chinsali")
DELIVERY = UUID("0192f0c1-0000-7000-8000-000000000001")
MEETING = UUID("0192f0c1-0000-7000-8000-000000000002")
REGISTRATION = RegistrationFacts(
    registration_id=UUID("0192f0c1-0000-7000-8000-000000000003"), reference="LUN-4711"
)
KICKOFF = MeetingFacts(
    meeting_id=MEETING,
    network_name=Localised(sv="Mänskliga rättigheter", en="Human rights"),
    kind=MeetingKind.KICKOFF,
    title=Localised(sv="Uppstart 2027", en="Kickoff 2027"),
    agenda=Localised(
        sv="Vi lär känna varandra.\nSedan fika; 15 minuter.\n\nTa med frågor.",
        en="We get to know each other.\nThen coffee, 15 minutes.\n\nBring questions.",
    ),
    starts_at=datetime(2027, 2, 9, 9, 0, tzinfo=UTC),
    ends_at=datetime(2027, 2, 9, 10, 30, tzinfo=UTC),
    zone="Europe/Stockholm",
    form=MeetingForm.DIGITAL,
    digital_link="https://room.example/abc",
    revision=0,
    told_at=datetime(2027, 1, 7, 12, 0, tzinfo=UTC),
)


def wire(template: Template, facts: Facts, person: Person = ANNA, **changed: Any) -> bytes:
    """The bytes for DATA, without the final dot."""
    person = replace(person, **changed)
    return fill(
        mould(LETTERS, HOUSE, template, facts, person),
        HOUSE,
        person,
        address=mailbox(person.email),
        delivery_id=DELIVERY,
        now=datetime(2027, 1, 7, 12, 0, tzinfo=UTC),
        named=template.names_recipient,
        link=LINK if template.link else "",
    )


def opened(raw: bytes) -> EmailMessage:
    """The mail as Python's own parser reads it, dots unstuffed as a server does."""
    unstuffed = raw.replace(b"\r\n..", b"\r\n.")
    message: EmailMessage = email.message_from_bytes(unstuffed, policy=email.policy.default)
    assert not [defect for part in message.walk() for defect in part.defects]
    return message


def mail(template: Template, facts: Facts, person: Person = ANNA, **changed: Any) -> EmailMessage:
    """The mail, written and opened."""
    return opened(wire(template, facts, person, **changed))


def recipient_of(raw: bytes) -> tuple[str, str]:
    """Name and address of the recipient, as RFC 2047 reads them.

    By the older half of Python's parser: the newer one takes the gap between
    two encoded words for a blank.
    """
    header = email.message_from_bytes(raw, policy=email.policy.compat32)["To"]
    name, address = parseaddr(" ".join(header.split()))
    return str(make_header(decode_header(name))), address


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def html_of(message: EmailMessage) -> str:
    body = message.get_body(("html",))
    assert body is not None
    return str(body.get_content())


def calendars_of(message: EmailMessage) -> list[bytes]:
    """The calendar part and the attached file, as a calendar program gets them."""
    found = []
    for part in message.walk():
        if part.get_content_type() in ("text/calendar", "application/ics"):
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            found.append(content)
    return found


def calendar_of(message: EmailMessage) -> Any:
    first, second = calendars_of(message)
    assert first == second
    return Calendar.from_ical(first.decode())


def event_of(message: EmailMessage) -> Any:
    """The one event of the calendar; properties as icalendar reads them."""
    (event,) = calendar_of(message).walk("VEVENT")
    return event
