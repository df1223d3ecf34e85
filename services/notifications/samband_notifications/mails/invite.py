"""Invite: the meeting as an iCalendar object that mail programs put into the calendar.

One REQUEST per revision and a CANCEL at the end, all with the same UID and a
rising SEQUENCE, so Outlook, Google and Apple move and remove what they put in
before. The attendee is personal: `invite` leaves a line for it, `attendee`
writes that line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vCalAddress, vUri
from icalendar.parser import Contentline
from samband_contracts.values import MeetingForm

from samband_notifications.mails.zones import describe
from samband_notifications.notifications.domain import Method

if TYPE_CHECKING:
    from samband_contracts.values import Language

    from samband_notifications.mails.facts import MeetingFacts

_PRODUCT = "-//ICLD//Samband//EN"
_ATTENDEE = {
    "CUTYPE": "INDIVIDUAL",
    "PARTSTAT": "NEEDS-ACTION",
    "ROLE": "REQ-PARTICIPANT",
    "RSVP": "TRUE",
}
_FITS_A_LINE = 60
# What the library would write for people with short names and addresses, who are nearly all,
# folded where it always fits: writing it through the library costs as much as sending the mail.
_SHORT_ATTENDEE = (
    "ATTENDEE;CUTYPE=INDIVIDUAL;PARTSTAT=NEEDS-ACTION;ROLE=REQ-PARTICIPANT\r\n"
    ' ;RSVP=TRUE;CN="{name}"\r\n'
    " :mailto:{address}"
)
_PLACES: dict[str, str] = {"sv": "På plats, se inbjudan", "en": "On site, see the invitation"}


def invite(
    facts: MeetingFacts,
    method: Method,
    language: Language,
    *,
    organiser: tuple[str, str],
    attendee_line: str,
) -> str:
    """The calendar object; `attendee_line` stands where the attendee belongs.

    `organiser` is name and address: answers are mailed there.
    """
    zone = ZoneInfo(facts.zone)
    starts_at = facts.starts_at.astimezone(zone)
    event = Event()
    event.add("uid", str(facts.meeting_id))
    event.add("sequence", facts.revision)
    event.add("dtstamp", facts.told_at)
    event.add("dtstart", starts_at)
    event.add("dtend", facts.ends_at.astimezone(zone))
    title, network = facts.title.text(language), facts.network_name.text(language)
    event.add("summary", f"{title} – {network}")
    event.add("description", _description(facts, language))
    event.add("location", _location(facts, language))
    if facts.digital_link:
        event.add("url", vUri(facts.digital_link))
    organiser_name, organiser_address = organiser
    event.add(
        "organizer", vCalAddress(f"mailto:{organiser_address}"), parameters={"CN": organiser_name}
    )
    event.add("attendee", vCalAddress("mailto:attendee@invalid"))
    event.add("status", "CANCELLED" if method is Method.CANCEL else "CONFIRMED")
    event.add("transp", "OPAQUE")

    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method.value)
    if facts.zone != "UTC":
        calendar.add_component(describe(facts.zone, starts_at.year))
    calendar.add_component(event)
    written: str = calendar.to_ical().decode()
    return written.replace("ATTENDEE:mailto:attendee@invalid", attendee_line)


def attendee(name: str, address: str) -> str:
    """The attendee's line for `invite`, folded at 75 octets."""
    # A parameter cannot hold a double quote, quoted or not.
    shown = name.replace('"', "'")
    # The caret begins an escape in a parameter; the library knows how to write one.
    if (
        shown
        and "^" not in shown
        and len(shown.encode()) <= _FITS_A_LINE
        and len(address) <= _FITS_A_LINE
    ):
        return _SHORT_ATTENDEE.format(name=shown, address=address)
    person = vCalAddress(f"mailto:{address}")
    person.params.update(_ATTENDEE)
    if shown:
        person.params["CN"] = shown
    line: str = Contentline.from_parts("ATTENDEE", person.params, person).to_ical().decode()
    return line.rstrip()


def _description(facts: MeetingFacts, language: Language) -> str:
    return "\n\n".join(part for part in (facts.agenda.text(language), facts.digital_link) if part)


def _location(facts: MeetingFacts, language: Language) -> str:
    if facts.form is MeetingForm.DIGITAL and facts.digital_link:
        return facts.digital_link
    return _PLACES[language]
