"""Names, titles and addresses that want to do harm, and mails that stay what they are."""

from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar
from samband_contracts.values import Localised
from samband_notifications.mails.headers import (
    UnsafeHeader,
    UnusableAddress,
    mailbox,
    recipient,
    safe,
)
from samband_notifications.mails.invite import attendee
from samband_notifications.mails.mould import Marks, Slot, coded
from samband_notifications.notifications.domain import INVITATION, REGISTRATION_RECEIVED
from samband_notifications.recipients.domain import LONGEST_NAME, display_name

from tests.notifications.letterbox import (
    ANNA,
    KICKOFF,
    REGISTRATION,
    calendars_of,
    event_of,
    html_of,
    mail,
    opened,
    recipient_of,
    text_of,
    wire,
)

LINE_BREAKS = [
    "\n",
    "\r",
    "\r\n",
    "\x00",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x1e",
    "\x85",
    "\u2028",
    "\u2029",
    "\x7f",
]
HOSTILE = [
    'Anna <b>Ek</b> & "Bo"',
    "{{ 7 * 7 }} {% raw %} ${x} %s {0}",
    "'; drop table recipients; --",
    ".",
    "=?utf-8?q?=41?=",
    "a" * 300,
    "å" * 300,
    "Ek, Anna; Bo: c^d\\e",
    "אננה מלכה",
    "Anna \u202eevil\u202c Ek",
    "N\u0303 e\u0301",
    "💚 Anna",
    "姓名姓名姓名姓名姓名姓名姓名姓名姓名姓名姓名姓名",
    "a=b=20=0A",
    " leading and trailing ",
]
NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Cs"]),
    min_size=1,
    max_size=200,
)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_a_name(name: str) -> None:
    raw = wire(INVITATION, KICKOFF, name=name)
    message, shown = opened(raw), display_name(name)
    assert recipient_of(raw) == (shown, "anna@lund.example")
    assert f"Mejlet är till {shown}" in text_of(message).replace("\u2068", "").replace("\u2069", "")
    assert f"<bdi>{shown}</bdi>" in unescape(html_of(message))
    assert "<b>" not in html_of(message)
    event = event_of(message)
    assert event["ATTENDEE"] == "mailto:anna@lund.example"
    assert event["ATTENDEE"].params["CN"] == shown.replace('"', "'")


@given(name=NAMES, organisation=NAMES)
@settings(deadline=None, max_examples=60)
def test_whatever_a_name_holds_the_mail_parses_and_its_lines_are_short(
    name: str, organisation: str
) -> None:
    raw = wire(INVITATION, KICKOFF, name=name, organisation=organisation)
    assert raw.isascii()
    assert all(len(line) <= 78 for line in raw.split(b"\r\n"))
    assert b"\r\n.\r\n" not in raw
    message = opened(raw)
    assert [part.get_content_type() for part in message.walk()][-1] == "application/ics"
    assert len(message["To"].addresses) == 1
    for file in calendars_of(message):
        assert all(len(line) <= 75 for line in file.split(b"\r\n"))
    event = event_of(message)
    assert event["ATTENDEE"] == "mailto:anna@lund.example"
    assert event["SUMMARY"] == "Uppstart 2027 – Mänskliga rättigheter"


@pytest.mark.parametrize("sign", LINE_BREAKS)
def test_no_header_takes_a_line_break(sign: str) -> None:
    name = f"Anna{sign}Bcc: all@lund.example"
    with pytest.raises(UnsafeHeader) as refused:
        wire(REGISTRATION_RECEIVED, REGISTRATION, name=name)
    assert "Anna" not in str(refused.value)
    for reference in (f"LUN{sign}X", f"L{sign} X"):
        unsafe = REGISTRATION.model_copy(update={"reference": reference})
        with pytest.raises(UnsafeHeader):
            wire(REGISTRATION_RECEIVED, unsafe)
    with pytest.raises(UnusableAddress):
        mailbox(f"anna@lund.example{sign}")


@pytest.mark.parametrize(
    "name", ["Visit https://evil.example", "www.evil.example", "HTTP://x", "see http:evil"]
)
def test_a_name_that_advertises_is_not_shown(name: str) -> None:
    message = mail(REGISTRATION_RECEIVED, REGISTRATION, name=name)
    assert "evil" not in message.as_string()
    assert message["To"] == "anna@lund.example"
    assert "Mejlet är till dig, kontaktperson för Lunds kommun." in text_of(message)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "anna",
        "anna@",
        "@lund.example",
        "anna@@lund.example",
        "anna@lund.example, bo@lund.example",
        "anna@lund.example\r\nRCPT TO:<bo@lund.example>",
        "Anna <anna@lund.example>",
        "<anna@lund.example>",
        '"anna ek"@lund.example',
        "anna..ek@lund.example",
        ".anna@lund.example",
        "anna.@lund.example",
        "anna@lund.example.",
        "anna@-lund.example",
        "anna@[127.0.0.1]",
        "ännä@lund.example",
        f"{'a' * 65}@lund.example",
        f"anna@{'a' * 64}.example",
        f"anna@{'a.' * 130}example",
        "anna@lund\u2028.example",
        "anna@å" + "ö" * 70 + ".example",
    ],
)
def test_an_address_is_one_plain_mailbox_or_none(address: str) -> None:
    with pytest.raises(UnusableAddress):
        mailbox(address)


@pytest.mark.parametrize(
    ("address", "wired"),
    [
        ("anna@lund.example", "anna@lund.example"),
        ("anna.ek+samband@lund.example", "anna.ek+samband@lund.example"),
        ("anna@räksmörgås.example", "anna@xn--rksmrgs-5wao1o.example"),
        ("o'brien@localhost", "o'brien@localhost"),
    ],
)
def test_ordinary_addresses_are_taken(address: str, wired: str) -> None:
    assert mailbox(address) == wired


@pytest.mark.parametrize(
    "name", ["Anna", "Anna Ek-Öberg", "å" * LONGEST_NAME, "姓名" * 30, 'A "B" \\C', "x" * 70]
)
@pytest.mark.parametrize("address", ["a@b.example", f"{'a' * 60}@{'b' * 60}.{'c' * 60}.example"])
def test_the_recipient_line_is_folded_and_means_what_it_says(name: str, address: str) -> None:
    line = recipient(name, address)
    *folded, last = line.removesuffix(b"\r\n").split(b"\r\n")
    assert all(len(part) <= 76 for part in folded)
    assert len(last) <= max(76, len(address) + 3)
    assert all(part.startswith(b" ") for part in [*folded, last][1:])
    assert recipient_of(line + b"\r\n") == (name, address)


@given(name=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=70))
def test_the_short_way_to_write_an_attendee_says_the_same_as_the_librarys(name: str) -> None:
    lines = [
        "BEGIN:VCALENDAR",
        "BEGIN:VEVENT",
        attendee(name, "anna@lund.example"),
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    calendar: Any = Calendar.from_ical("\r\n".join(lines) + "\r\n")
    (event,) = calendar.walk("VEVENT")
    person = event["ATTENDEE"]
    assert person == "mailto:anna@lund.example"
    assert person.params.get("CN", "") == name.replace('"', "'")
    assert person.params["RSVP"] == "TRUE"
    assert person.params["PARTSTAT"] == "NEEDS-ACTION"


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\r\n")))
def test_what_fills_a_hole_is_read_as_it_was_given(text: str) -> None:
    marks = Marks()
    frame = (
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        f"before {marks.of(Slot.NAME)}.\r\n.after\r\n"
    )
    mould = marks.cut(frame.encode())
    filled = mould.fill(b"", {Slot.NAME: coded(text)})
    assert b"\r\n.\r\n" not in filled
    assert opened(filled).get_content().replace("\r\n", "\n") == f"before {text}.\n.after\n"


def test_no_text_can_pass_for_a_mark() -> None:
    known = Marks().of(Slot.NAME)
    agenda = Localised(sv=f"{known} {{{{ name }}}} [[name]]", en="-")
    message = mail(INVITATION, KICKOFF.model_copy(update={"agenda": agenda}))
    assert f"{known} {{{{ name }}}} [[name]]" in text_of(message)


def test_hostile_titles_stay_text() -> None:
    title = Localised(sv="<script>x</script> | Tid | ATTENDEE:mailto:x\r\nBCC: y", en="-")
    message = mail(INVITATION, KICKOFF.model_copy(update={"title": title}))
    assert "<script>" not in html_of(message)
    assert "Möte: <script>x</script> | Tid | ATTENDEE:mailto:x BCC: y\n" in text_of(message)
    event = event_of(message)
    assert event["ATTENDEE"] == "mailto:anna@lund.example"
    assert message["Bcc"] is None


def test_an_organisations_name_is_escaped_too() -> None:
    message = mail(INVITATION, KICKOFF, replace(ANNA, organisation="<i>Lund</i> & co"))
    assert "<bdi>&lt;i&gt;Lund&lt;/i&gt; &amp; co</bdi>" in html_of(message)


def test_an_ordinary_value_is_safe() -> None:
    assert safe("Anna Ek – å\u00a0ä") == "Anna Ek – å\u00a0ä"
