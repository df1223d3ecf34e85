"""What mails say, in both languages, in text and in HTML."""

import re
from dataclasses import replace

import pytest
from bs4 import BeautifulSoup
from samband_contracts.values import MeetingForm, MeetingKind
from samband_notifications.mails.compose import Person
from samband_notifications.mails.facts import Facts
from samband_notifications.notifications.domain import (
    CONFIRM_REGISTRATION,
    INVITATION,
    INVITATION_CANCELLED,
    REGISTRATION_ACCEPTED,
    REGISTRATION_DECLINED,
    REGISTRATION_FLAGGED,
    REGISTRATION_JOINED,
    REGISTRATION_RECEIVED,
    REGISTRATION_WITHDRAWN,
    TEMPLATES,
    Template,
    Thread,
)

from tests.notifications.letterbox import (
    ANNA,
    CHANDA,
    KICKOFF,
    LINK,
    REGISTRATION,
    html_of,
    mail,
    text_of,
)

CONFIRMATION = REGISTRATION.model_copy(update={"expires_at": KICKOFF.starts_at})
UNDECIDED = REGISTRATION.model_copy(update={"counterpart_undecided": True})
WITH_COUNTERPART = REGISTRATION.model_copy(update={"counterpart": "Francistown"})


def facts_for(template: Template) -> Facts:
    return KICKOFF if template.thread is Thread.MEETING else CONFIRMATION


SAID = [
    (
        CONFIRM_REGISTRATION,
        CONFIRMATION,
        "Bekräfta din e-postadress senast 9 februari 2027",
        """Bekräfta din e-postadress senast tis 9 februari 2027 kl. 10.00, svensk tid, så tar vi
        emot intresseanmälan för Lunds kommun.""",
        "Confirm your e-mail address by 9 February 2027",
        """Confirm your e-mail address by Tue 9 February 2027 at 10:00, Swedish time · 11:00 in
        Lusaka, and we will take in the registration of interest for Chinsali.""",
    ),
    (
        REGISTRATION_RECEIVED,
        UNDECIDED,
        "Vi har tagit emot er anmälan LUN-4711",
        """Vi har tagit emot intresseanmälan för Lunds kommun. Du behöver inte göra något mer
        nu.""",
        "We have received your registration LUN-4711",
        """We have received the registration of interest for Chinsali. There is nothing more for
        you to do now.""",
    ),
    (
        REGISTRATION_FLAGGED,
        REGISTRATION,
        "Ni är redan anmälda: välj om ni vill ansluta er",
        """Lunds kommun har redan anmält intresse i den här utlysningen. Välj om ni vill ansluta
        er till den anmälan.""",
        "You are registered already: choose whether to join",
        """Chinsali has already registered interest in this call. Choose whether to join that
        registration.""",
    ),
    (
        REGISTRATION_JOINED,
        REGISTRATION,
        "Er anmälan är ansluten till den som redan fanns",
        """Din intresseanmälan för Lunds kommun är nu en del av den som organisationen redan hade
        skickat. Du behöver inte göra något mer nu.""",
        "Your registration has joined the one that was there already",
        """Your registration of interest for Chinsali is now part of the one that the organisation
        had already sent. There is nothing more for you to do now.""",
    ),
    (
        REGISTRATION_ACCEPTED,
        WITH_COUNTERPART,
        "Er anmälan är antagen: håll utkik efter inbjudan",
        """Lunds kommun är antagen. Nästa steg är uppstartsmötet: inbjudan kommer i ett eget
        mejl.""",
        "Your registration is accepted: look out for the invitation",
        """Chinsali is accepted. The next step is the kickoff: the invitation comes in a mail of
        its own.""",
    ),
    (
        REGISTRATION_DECLINED,
        REGISTRATION,
        "Svar på er intresseanmälan LUN-4711",
        "Vi kan inte ge Lunds kommun en plats den här gången. Du behöver inte göra något.",
        "Our answer to your registration of interest LUN-4711",
        "We cannot offer Chinsali a place this time. There is nothing for you to do.",
    ),
    (
        REGISTRATION_WITHDRAWN,
        REGISTRATION,
        "Anmälan LUN-4711 är återkallad",
        """Intresseanmälan för Lunds kommun har återkallats av den som skickade den. Vi gör inget
        mer med den.""",
        "The registration LUN-4711 is withdrawn",
        """The registration of interest for Chinsali has been withdrawn by the person who sent it.
        We do nothing more with it.""",
    ),
    (
        INVITATION,
        KICKOFF,
        "Kommer du på uppstartsmötet 9 februari 2027?",
        """Uppstartsmötet i nätverket Mänskliga rättigheter är tis 9 februari 2027
        kl. 10.00–11.30, svensk tid. Tacka ja eller nej i kalenderinbjudan.""",
        "Are you coming to the kickoff on 9 February 2027?",
        """The kickoff of the network Human rights is on Tue 9 February 2027 at 10:00–11:30,
        Swedish time · 11:00 in Lusaka. Please accept or decline in the calendar invitation.""",
    ),
    (
        INVITATION_CANCELLED,
        KICKOFF,
        "Inställt: ta bort uppstartsmötet 9 februari 2027 ur kalendern",
        """Uppstartsmötet i nätverket Mänskliga rättigheter tis 9 februari 2027
        kl. 10.00–11.30, svensk tid är inställt. Ta bort det ur kalendern om den inte gör det
        själv.""",
        "Cancelled: remove the kickoff on 9 February 2027 from your calendar",
        """The kickoff of the network Human rights on Tue 9 February 2027 at 10:00–11:30, Swedish
        time · 11:00 in Lusaka is cancelled. Remove it from your calendar if it does not do so
        itself.""",
    ),
]


@pytest.mark.parametrize(
    ("template", "facts", "subject_sv", "lead_sv", "subject_en", "lead_en"),
    SAID,
    ids=[row[0].name for row in SAID],
)
def test_subject_and_first_line_say_what_is_asked(
    template: Template,
    facts: Facts,
    subject_sv: str,
    lead_sv: str,
    subject_en: str,
    lead_en: str,
) -> None:
    for person, subject, lead in ((ANNA, subject_sv, lead_sv), (CHANDA, subject_en, lead_en)):
        message = mail(template, facts, person)
        lead = " ".join(lead.split())
        assert message["Subject"] == subject
        assert text_of(message).splitlines()[0] == lead
        page = BeautifulSoup(html_of(message), "html.parser")
        assert [heading.get_text() for heading in page.select("h1")] == [lead]
        assert page.select(f"html[lang={person.language}]")


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
@pytest.mark.parametrize("person", [ANNA, CHANDA], ids=["sv", "en"])
def test_text_and_html_say_the_same(template: Template, person: Person) -> None:
    message = mail(template, facts_for(template), person)
    page = BeautifulSoup(html_of(message), "html.parser")
    text = "".join(text_of(message).split())
    for element in page.select("h1, dd, .text, .foot p, .button"):
        assert "".join(element.get_text().split()) in text
    links = {str(link["href"]) for link in page.select("a")}
    assert links <= set(re.findall(r"https://\S+", text_of(message)))
    assert not page.select("img, script, link, form, iframe, object")
    assert len(page.select(".button")) <= 1


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_a_mail_says_why_you_get_it(template: Template) -> None:
    message = mail(template, facts_for(template))
    assert re.search(
        r"--\n(Mejlet är till Anna Ek, kontaktperson för Lunds kommun|Du får mejlet)",
        text_of(message),
    )


def test_a_mail_to_an_address_that_is_not_confirmed_repeats_nothing_typed() -> None:
    message = mail(CONFIRM_REGISTRATION, CONFIRMATION, name="Buy now! Cheap")
    assert "Cheap" not in message.as_string()
    assert message["To"] == "anna@lund.example"


@pytest.mark.parametrize("template", [one for one in TEMPLATES.values() if one.link])
def test_the_personal_link_arrives_whole(template: Template) -> None:
    message = mail(template, CONFIRMATION)
    assert f"\n{LINK}\n" in text_of(message)
    button = BeautifulSoup(html_of(message), "html.parser").select_one(".button")
    assert button is not None
    assert button["href"] == LINK


def test_an_undecided_counterpart_is_a_real_answer() -> None:
    assert "Motpart: Ej bestämt ännu" in text_of(mail(REGISTRATION_ACCEPTED, UNDECIDED))
    assert "Counterpart: Not decided yet" in text_of(mail(REGISTRATION_ACCEPTED, UNDECIDED, CHANDA))
    assert "Motpart: Francistown" in text_of(mail(REGISTRATION_ACCEPTED, WITH_COUNTERPART))
    assert "Motpart" not in text_of(mail(REGISTRATION_ACCEPTED, REGISTRATION))


def test_a_changed_invitation_says_so_first() -> None:
    changed = KICKOFF.model_copy(update={"revision": 2, "kind": MeetingKind.TRAINING})
    message = mail(INVITATION, changed)
    assert message["Subject"] == "Ändrat: kommer du på utbildningen 9 februari 2027?"
    assert text_of(message).startswith("Ändrat: utbildningen i nätverket")
    assert "Det här ersätter den inbjudan som du fick tidigare." in text_of(message)


def test_swedish_words_agree() -> None:
    meeting = KICKOFF.model_copy(update={"kind": MeetingKind.NETWORK_MEETING})
    message = mail(INVITATION_CANCELLED, meeting)
    assert str(message["Subject"]).startswith("Inställd: ta bort nätverksträffen")
    assert "är inställd. Ta bort den ur kalendern" in text_of(message)


def test_a_meeting_on_site_has_no_room_and_no_button() -> None:
    on_site = KICKOFF.model_copy(update={"form": MeetingForm.PHYSICAL, "digital_link": None})
    message = mail(INVITATION, on_site)
    assert "Mötesform: På plats" in text_of(message)
    assert "https://" not in text_of(message)
    assert not BeautifulSoup(html_of(message), "html.parser").select(".button")


def test_without_the_organisations_name_a_mail_still_reads_well() -> None:
    message = mail(REGISTRATION_ACCEPTED, REGISTRATION, organisation=None)
    assert text_of(message).startswith("Er organisation är antagen.")
    assert "kontaktperson för er organisation." in text_of(message)


def test_the_same_text_is_written_once_for_both_zones_times() -> None:
    stockholm = text_of(mail(INVITATION, KICKOFF))
    lusaka = text_of(mail(INVITATION, KICKOFF, replace(ANNA, time_zone="Africa/Lusaka")))
    assert "kl. 10.00–11.30, svensk tid\n" in stockholm
    assert "kl. 10.00–11.30, svensk tid · 11.00 i Lusaka\n" in lusaka


def test_the_agenda_keeps_its_lines() -> None:
    message = mail(INVITATION, KICKOFF)
    assert "Vi lär känna varandra.\nSedan fika; 15 minuter.\n\nTa med frågor." in text_of(message)
    assert "Vi lär känna varandra.<br>Sedan fika; 15 minuter.</p>" in html_of(message)


def test_headers_say_whose_mail_it_is_and_that_no_robot_shall_answer() -> None:
    message = mail(INVITATION, KICKOFF)
    assert message["From"] == "ICLD Samband <samband@icld.example>"
    assert message["To"] == "Anna Ek <anna@lund.example>"
    assert message["Message-ID"] == "<0192f0c1000070008000000000000001@icld.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "sv"
    assert message["List-Id"] == "<invitation.icld.example>"
    assert message["Date"].datetime == KICKOFF.told_at
    assert message["MIME-Version"] == "1.0"


def test_the_parts_come_in_the_order_that_mail_programs_expect() -> None:
    plain = [part.get_content_type() for part in mail(CONFIRM_REGISTRATION, CONFIRMATION).walk()]
    assert plain == ["multipart/alternative", "text/plain", "text/html"]
    with_calendar = [part.get_content_type() for part in mail(INVITATION, KICKOFF).walk()]
    assert with_calendar == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "text/calendar",
        "application/ics",
    ]
