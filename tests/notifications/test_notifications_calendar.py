"""The calendar object: one event that Outlook, Google and Apple follow through its changes."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from samband_contracts.values import MeetingForm
from samband_notifications.mails.compose import Person
from samband_notifications.mails.zones import describe
from samband_notifications.notifications.domain import INVITATION, INVITATION_CANCELLED, Template

from tests.notifications.letterbox import (
    ANNA,
    CHANDA,
    KICKOFF,
    calendar_of,
    calendars_of,
    event_of,
    mail,
    wire,
)


def written(template: Template, revision: int = 0) -> Any:
    return event_of(mail(template, KICKOFF.model_copy(update={"revision": revision})))


def test_an_invitation_asks_for_an_answer() -> None:
    calendar = calendar_of(mail(INVITATION, KICKOFF))
    assert calendar["METHOD"] == "REQUEST"
    event = written(INVITATION)
    assert event["UID"] == str(KICKOFF.meeting_id)
    assert event["SEQUENCE"] == 0
    assert event["STATUS"] == "CONFIRMED"
    assert event["DTSTAMP"].dt == KICKOFF.told_at
    assert event["ORGANIZER"] == "mailto:samband@icld.example"
    assert event["ATTENDEE"].params["RSVP"] == "TRUE"
    assert event["LOCATION"] == "https://room.example/abc"
    assert event["SUMMARY"] == "Uppstart 2027 – Mänskliga rättigheter"
    assert event["DTSTART"].dt == KICKOFF.starts_at
    assert event["DTSTART"].params["TZID"] == "Europe/Stockholm"
    assert event["DTEND"].dt == KICKOFF.ends_at


def test_changes_and_cancellation_concern_the_same_event() -> None:
    changed, cancelled = written(INVITATION, 1), written(INVITATION_CANCELLED, 2)
    assert written(INVITATION)["UID"] == changed["UID"] == cancelled["UID"]
    assert [changed["SEQUENCE"], cancelled["SEQUENCE"]] == [1, 2]
    assert cancelled["STATUS"] == "CANCELLED"
    message = mail(INVITATION_CANCELLED, KICKOFF)
    assert calendar_of(message)["METHOD"] == "CANCEL"
    assert b"method=CANCEL" in wire(INVITATION_CANCELLED, KICKOFF)


def test_the_part_and_the_file_are_what_mail_programs_look_for() -> None:
    message = mail(INVITATION, KICKOFF)
    part, file = (
        one
        for one in message.walk()
        if "calendar" in str(one["Content-Type"]) or "ics" in str(one["Content-Type"])
    )
    assert str(part["Content-Type"]) == 'text/calendar; charset="utf-8"; method="REQUEST"'
    header = b'Content-Type: text/calendar; charset="utf-8"; method=REQUEST\r\n'
    assert header in wire(INVITATION, KICKOFF)
    assert file.get_filename() == "invite.ics"
    assert file.get_content_disposition() == "attachment"


@pytest.mark.parametrize("person", [ANNA, CHANDA])
def test_every_line_is_short_and_ends_as_it_should(person: Person) -> None:
    for file in calendars_of(mail(INVITATION, KICKOFF, person)):
        assert file.endswith(b"\r\n")
        assert b"\n" not in file.replace(b"\r\n", b"")
        assert all(len(line) <= 75 for line in file.split(b"\r\n"))
        assert file.decode()


def test_the_text_is_in_the_readers_language() -> None:
    event = event_of(mail(INVITATION, KICKOFF, CHANDA))
    assert event["SUMMARY"] == "Kickoff 2027 – Human rights"
    described = str(event["DESCRIPTION"])
    assert described.startswith("We get to know each other.\nThen coffee, 15 minutes.")


def test_on_site_says_where_to_look() -> None:
    on_site = KICKOFF.model_copy(update={"form": MeetingForm.PHYSICAL, "digital_link": None})
    event = event_of(mail(INVITATION, on_site))
    assert event["LOCATION"] == "På plats, se inbjudan"
    assert "URL" not in event


ZONES = [
    "Europe/Stockholm",
    "Africa/Lusaka",
    "Africa/Casablanca",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Santiago",
    "Europe/Dublin",
]


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("year", [2024, 2027])
def test_the_described_zone_has_the_offsets_of_the_real_one(name: str, year: int) -> None:
    rules = ZoneInfo(name)
    described = describe(name, year).to_tz()
    for day in range(0, 366, 3):
        moment = datetime(year, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
        wall = moment.astimezone(rules).replace(tzinfo=None)
        assert (
            wall.replace(tzinfo=described).utcoffset() == wall.replace(tzinfo=rules).utcoffset()
        ), wall


def test_swedish_summer_time_is_a_yearly_rule() -> None:
    text = describe("Europe/Stockholm", 2027).to_ical().decode()
    assert re.findall(r"RRULE:\S+", text) == [
        "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3",
        "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10",
    ]
    assert "DTSTART:20260329T020000" in text
    assert "DTSTART:20261025T030000" in text
