"""Compose: from facts to the bytes that go over the wire.

A mail is written once for all readers who get the same text: the same
notification, language, zone. What is personal (address, name, organisation,
link, attendee, Message-ID) is put into the finished bytes for each recipient.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING

from samband_notifications.mails import headers
from samband_notifications.mails.facts import MeetingFacts
from samband_notifications.mails.invite import attendee, invite
from samband_notifications.mails.mould import Marks, Mould, Slot, coded, coded_html
from samband_notifications.recipients.domain import display_name, isolated

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from samband_contracts.values import Language
    from samband_kit.web.links import Links

    from samband_notifications.mails.facts import Facts
    from samband_notifications.mails.letters import Letter, Letters
    from samband_notifications.notifications.domain import Method, Template

_NOBODY: dict[Language, str] = {"sv": "dig", "en": "you"}


@dataclass(frozen=True)
class House:
    """Who writes: the sender's name and address, and where our pages are."""

    name: str
    address: str
    public_url: str

    @property
    def domain(self) -> str:
        """The domain of Message-IDs."""
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Person:
    """A recipient as a mail needs them; `organisation` is None while it is not known."""

    name: str
    email: str
    language: Language
    time_zone: str
    organisation: str | None


def mould(
    letters: Letters, house: House, template: Template, facts: Facts, person: Person
) -> Mould:
    """The mail for everybody with this person's language and zone.

    Raises:
        UnsafeHeader: the subject holds what a header must not hold.
    """
    marks = Marks()
    text = _written(letters, template, facts, person, marks, Slot.NAME, Slot.ORGANISATION)
    page = _written(letters, template, facts, person, marks, Slot.NAME_HTML, Slot.ORGANISATION_HTML)
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(house.name, addr_spec=house.address)
    message["Auto-Submitted"] = "auto-generated"
    message["List-Id"] = f"<{template.name.replace('_', '-')}.{house.domain}>"
    message.set_content(letters.text(text), cte="quoted-printable")
    message.add_alternative(
        letters.html(page, person.language), subtype="html", cte="quoted-printable"
    )
    if isinstance(facts, MeetingFacts) and template.method is not None:
        _add_calendar(message, house, template.method, facts, person, marks)
    # Last, because adding parts moves every Content-… header into the first one.
    message["Content-Language"] = person.language
    return marks.cut(headers.subject(text.subject) + _serialised(message))


def fill(
    mail: Mould,
    house: House,
    person: Person,
    *,
    address: str,
    delivery_id: UUID,
    now: datetime,
    named: bool,
    link: str,
) -> bytes:
    """The bytes for DATA, without the final dot; `address` is the person's `mailbox`.

    The Message-ID follows from the delivery, so a mail that is sent again can
    be recognised as the same one.

    Raises:
        UnsafeHeader: the name holds what a header must not hold.
    """
    name = headers.safe(display_name(person.name)) if named else ""
    head = (
        headers.recipient(name, address)
        + f"Message-ID: <{delivery_id.hex}@{house.domain}>\r\nDate: {format_datetime(now)}\r\n".encode()
    )
    values: dict[Slot, bytes] = {}
    slots = mail.slots
    if Slot.NAME in slots:
        shown = name or _NOBODY[person.language]
        values[Slot.NAME], values[Slot.NAME_HTML] = coded(isolated(shown)), coded_html(shown)
    if person.organisation and Slot.ORGANISATION in slots:
        values[Slot.ORGANISATION] = coded(person.organisation)
        values[Slot.ORGANISATION_HTML] = coded_html(person.organisation)
    if Slot.LINK in slots:
        values[Slot.LINK] = coded(link)
    if Slot.ATTENDEE in slots:
        values[Slot.ATTENDEE] = coded(attendee(name, address))
    return mail.fill(head, values)


def personal_link(
    house: House, links: Links, template: Template, facts: Facts, now: datetime
) -> str:
    """The address of the recipient's own page, empty for a mail without one.

    The link lives no longer than what it is for.
    """
    if template.link is None or isinstance(facts, MeetingFacts):
        return ""
    lifetime = template.link.lifetime
    if facts.expires_at is not None:
        lifetime = min(facts.expires_at - now, lifetime)
    token = links.sign(template.link.purpose, facts.registration_id, lifetime)
    return f"{house.public_url}{template.link.path}{token}"


def _written(
    letters: Letters,
    template: Template,
    facts: Facts,
    person: Person,
    marks: Marks,
    name: Slot,
    organisation: Slot,
) -> Letter:
    personal = {
        "name": marks.of(name),
        "organisation": marks.of(organisation) if person.organisation else "",
        "link": marks.of(Slot.LINK) if template.link else "",
    }
    return letters.write(template, facts, person.language, zone=person.time_zone, personal=personal)


def _add_calendar(
    message: EmailMessage,
    house: House,
    method: Method,
    facts: MeetingFacts,
    person: Person,
    marks: Marks,
) -> None:
    calendar = invite(
        facts,
        method,
        person.language,
        organiser=(house.name, house.address),
        attendee_line=marks.of(Slot.ATTENDEE),
    )
    message.add_alternative(
        calendar, subtype="calendar", params={"method": method.value}, cte="quoted-printable"
    )
    # The same once more as a file: what Apple's and older mail programs open.
    message.add_attachment(
        calendar, subtype="calendar", filename="invite.ics", cte="quoted-printable"
    )
    *_, file = message.iter_attachments()
    file.replace_header("Content-Type", 'application/ics; name="invite.ics"')


def _serialised(message: EmailMessage) -> bytes:
    """The bytes of a message. Some programs do not find a method that stands in quotes."""
    return re.sub(rb'; method="(\w+)"\r\n', rb"; method=\1\r\n", message.as_bytes())
