"""The mailbox keeps every mail and shows it as it came."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import httpx
import pytest
from samband_local import ports
from samband_local.mails.process import process as mailbox_process
from samband_local.place import Place
from samband_local.services import Addresses


def invitation(
    to: str = "asa@pitea.example", subject: str = "Kommer du på uppstartsmötet?"
) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Samband <samband@localhost>"
    mail["To"] = f"Åsa Öberg <{to}>"
    mail["Subject"] = subject
    mail["Message-ID"] = f"<{time.time_ns()}@samband.test>"
    mail.set_content("Hej Åsa!\nhttp://127.0.0.1:8080/bekrafta/abc\n")
    mail.add_alternative(
        "<!doctype html><html><head><title>t</title></head><body><h1>Hej Åsa</h1>"
        '<img src="cid:mark"><script>alert(1)</script></body></html>',
        subtype="html",
    )
    mail.add_attachment(
        b"\x89PNG", maintype="image", subtype="png", cid="<mark>", disposition="inline"
    )
    mail.add_attachment("BEGIN:VCALENDAR\n", subtype="calendar", filename="möte.ics")
    return mail


class Running:
    """A mailbox in a process of its own."""

    def __init__(self, folder: Path) -> None:
        place = Place(folder / ".samband")
        place.make()
        self.addresses = Addresses(**ports.choose(list(Addresses.__annotations__), fix={}, last={}))
        self.command = mailbox_process(place, self.addresses)
        self.command.start()
        self.web = httpx.Client(base_url=self.addresses.mailbox_url, trust_env=False)

    def send(self, mail: EmailMessage | bytes, to: str = "asa@pitea.example") -> None:
        with smtplib.SMTP("127.0.0.1", self.addresses.smtp) as server:
            raw = mail if isinstance(mail, bytes) else mail.as_bytes(policy=SMTP)
            server.sendmail("bounces@samband.test", [to], raw)

    def newest(self) -> dict[str, object]:
        mails = self.web.get("/api/v1/messages", params={"limit": 1}).json()["messages"]
        found: dict[str, object] = self.web.get(f"/api/v1/message/{mails[0]['ID']}").json()
        return found


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("mailbox"))
    yield running
    running.web.close()
    running.command.stop()


def test_a_mail_that_was_sent_can_be_read_as_json(mailbox: Running) -> None:
    mailbox.send(invitation())
    mail = mailbox.newest()
    assert mail["Subject"] == "Kommer du på uppstartsmötet?"
    assert mail["From"] == {"Name": "Samband", "Address": "samband@localhost"}
    assert mail["To"] == [{"Name": "Åsa Öberg", "Address": "asa@pitea.example"}]
    assert mail["Bcc"] == []
    assert mail["ReturnPath"] == "bounces@samband.test"
    assert "bekrafta/abc" in str(mail["Text"])
    assert "<h1>Hej Åsa</h1>" in str(mail["HTML"])
    attachments = mail["Attachments"]
    assert isinstance(attachments, list)
    assert [each["FileName"] for each in attachments] == ["part-2", "möte.ics"]
    calendar = mailbox.web.get(f"/mails/{mail['ID']}/parts/{attachments[1]['PartID']}")
    assert calendar.text == "BEGIN:VCALENDAR\r\n"
    headers = mailbox.web.get(f"/api/v1/message/{mail['ID']}/headers").json()
    assert headers["To"] == ["Åsa Öberg <asa@pitea.example>"]
    assert "Message-Id" in headers


def test_who_got_a_mail_without_being_named_in_it_is_listed_too(mailbox: Running) -> None:
    mailbox.send(invitation("per@lund.example"), "secret@lund.example")
    mail = mailbox.newest()
    assert mail["Bcc"] == [{"Name": "", "Address": "secret@lund.example"}]


def test_the_page_of_a_mail_shows_text_headers_attachments_and_its_html_in_a_closed_frame(
    mailbox: Running,
) -> None:
    mailbox.send(invitation())
    mail_id = mailbox.newest()["ID"]
    page = mailbox.web.get(f"/mails/{mail_id}")
    assert "Hej Åsa!" in page.text
    assert "bounces@samband.test" in page.text
    assert "möte.ics" in page.text
    assert "allow-scripts" not in page.text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    frame = mailbox.web.get(f"/mails/{mail_id}/html")
    assert frame.headers["content-security-policy"].startswith("sandbox ")
    assert "allow-scripts" not in frame.headers["content-security-policy"]
    assert frame.text.startswith('<!doctype html><html><head><base target="_blank">')
    assert 'src="parts/2"' in frame.text
    assert mailbox.web.get(f"/mails/{mail_id}/parts/2").content == b"\x89PNG"


def test_the_raw_message_is_what_was_sent(mailbox: Running) -> None:
    raw = b"Subject: plain\r\n\r\nline\r\n.dot first\r\n"
    mailbox.send(raw)
    assert mailbox.web.get(f"/mails/{mailbox.newest()['ID']}/raw").content == raw


def search(mailbox: Running, query: str, **page: int) -> list[dict[str, Any]]:
    answer = mailbox.web.get("/api/v1/search", params={"query": query, **page})
    found: list[dict[str, Any]] = answer.json()["messages"]
    return found


def test_lists_are_newest_first_and_filtered(mailbox: Running) -> None:
    mailbox.send(invitation("per@lund.example", "First"), "per@lund.example")
    mailbox.send(invitation("per@lund.example", "Second"), "per@lund.example")
    found = search(mailbox, 'to:"PER@lund.example"')
    assert [mail["Subject"] for mail in found] == ["Second", "First"]
    assert search(mailbox, 'to:per@lund.example subject:"sec"') == found[:1]
    assert search(mailbox, "to:per@lund.example", start=1, limit=5) == found[1:]
    page = mailbox.web.get("/", params={"to": "per@lund.example", "subject": "sec"}).text
    assert "Second" in page
    assert "First" not in page
    older = mailbox.web.get("/", params={"to": "per@lund.example", "before": found[0]["ID"]}).text
    assert "First" in older
    assert "Second" not in older
    assert "matches" in mailbox.web.get("/", params={"to": "nobody@lund.example"}).text


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"no headers at all",
        b"Subject: =?utf-8?b?broken\r\n\r\nx",
        b"Subject: \xff\xfe\r\nContent-Type: text/plain; charset=no-such\r\n\r\n\xff",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: nonsense\r\n\r\nx",
        b"Content-Transfer-Encoding: base64\r\n\r\n!!!not base64",
        b"To: <script>alert(1)</script>\r\nSubject: <b>bold</b>\r\n\r\n<script>",
    ],
)
def test_a_broken_mail_is_kept_and_shown_without_harm(mailbox: Running, raw: bytes) -> None:
    mailbox.send(raw)
    mail = mailbox.newest()
    assert mailbox.web.get(f"/mails/{mail['ID']}/raw").content.startswith(raw)
    page = mailbox.web.get(f"/mails/{mail['ID']}")
    assert page.status_code == 200
    assert "<script>" not in page.text
    assert "<b>bold" not in page.text
    assert mailbox.web.get("/").status_code == 200


def test_a_mail_that_is_not_there_is_a_page_or_a_problem(mailbox: Running) -> None:
    page = mailbox.web.get("/mails/../../etc/passwd")
    assert page.status_code == 404
    page = mailbox.web.get("/mails/none")
    assert page.status_code == 404
    assert "This mail is not here" in page.text
    assert mailbox.web.get("/api/v1/message/none").status_code == 404
    assert mailbox.web.get("/api/v1/messages", params={"limit": "many"}).status_code == 422


@pytest.mark.parametrize("query", ["from:asa@pitea.example", "Piteå", 'to:"not closed'])
def test_a_search_that_the_mailbox_does_not_know_is_refused(mailbox: Running, query: str) -> None:
    assert mailbox.web.get("/api/v1/search", params={"query": query}).status_code == 400


def test_other_origins_and_other_names_get_nothing(mailbox: Running) -> None:
    assert mailbox.web.get("/", headers={"Host": "evil.example"}).status_code == 400
    refused = mailbox.web.post("/clear", headers={"Origin": "http://evil.example"})
    assert refused.status_code == 403
    refused = mailbox.web.delete("/api/v1/messages", headers={"Origin": "http://evil.example"})
    assert refused.status_code == 403


def test_mails_are_kept_when_the_mailbox_is_killed_and_can_be_deleted(mailbox: Running) -> None:
    mailbox.send(invitation(subject="Before the crash"))
    mailbox.command.kill()
    mailbox.command.start()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            assert mailbox.newest()["Subject"] == "Before the crash"
            break
        except httpx.TransportError:
            time.sleep(0.05)
    assert mailbox.web.post("/clear").status_code == 303
    assert mailbox.web.get("/api/v1/messages").json()["messages"] == []
    assert "No mail yet" in mailbox.web.get("/").text


def test_mails_are_closed_to_other_users(mailbox: Running) -> None:
    mailbox.send(invitation())
    folder = mailbox.command.folder
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.glob("*.mail")} == {0o600}
