"""Forms: what is typed is cleaned, refused with a clear sentence, and never lost."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.kit.web_sample import Sample, hidden, sample

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.testing import Backing

HTML = {"accept": "text/html"}
GOOD = {"email": "anna@falun.se"}


@pytest.fixture(scope="module")
async def web(backing: Backing) -> AsyncIterator[Sample]:
    async with sample(backing) as made:
        yield made


async def test_good_answers_become_a_model(web: Sample) -> None:
    answer = await web.post(
        "/form",
        {
            "email": " Anna@Falun.SE ",
            "name": "Anna  Öberg",
            "message": "one\r\ntwo",
            "themes": ["environment", "rights"],
            "count": "",
        },
    )
    assert answer.json() == {
        "email": "Anna@falun.se",
        "name": "Anna Öberg",
        "title": "Untitled",
        "message": "one\ntwo",
        "count": 1,
        "themes": ["environment", "rights"],
    }


async def test_an_answer_of_blanks_alone_counts_as_not_given(web: Sample) -> None:
    answer = await web.post("/form", {**GOOD, "message": "\r\n ", "title": " \t"})

    assert answer.status_code == 200
    assert answer.json()["title"] == "Untitled"


async def test_the_summary_stands_first_takes_the_focus_and_links_to_the_field(
    web: Sample,
) -> None:
    answer = await web.post("/form", {"email": "anna@"})
    assert answer.status_code == 422
    assert "<title>Fel: Stilsida" in answer.text
    summary = answer.text.split('<div class="error-summary"')[1].split("</div>")[0]
    assert "autofocus" in summary.split(">")[0]
    assert 'tabindex="-1"' in summary.split(">")[0]
    sentence = "Skriv en e-postadress, till exempel namn@kommun.se."
    assert f'<a href="#field-email">{sentence}</a>' in summary
    field = answer.text.split('id="field-email"')[1].split(">")[0]
    assert 'aria-invalid="true"' in field
    assert "field-email-error" in field
    assert answer.text.count(sentence) == 2


async def test_what_was_typed_is_shown_again_and_escaped(web: Sample) -> None:
    typed = {
        "email": "wrong",
        "name": '"><script>alert(1)</script>',
        "message": "</textarea><b>{{7*7}}",
    }
    answer = await web.post("/form", typed)
    assert 'value="wrong"' in answer.text
    assert 'value="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"' in answer.text
    assert "&lt;/textarea&gt;&lt;b&gt;{{7*7}}</textarea>" in answer.text
    assert "49" not in answer.text.split("<textarea")[1].split("</textarea>")[0]


async def test_chosen_answers_stay_chosen(web: Sample) -> None:
    token = hidden(await web.client.get("/stil"), "csrf_token")
    answer = await web.client.post(
        "/stil",
        data={"csrf_token": token, "role": "official", "topics": ["dialogue"], "country": "BW"},
    )
    assert re.search(r'value="official" checked', answer.text)
    assert re.search(r'value="dialogue" checked', answer.text)
    assert '<option value="BW" selected>' in answer.text
    assert 'value="environment" checked' not in answer.text


async def test_an_empty_answer_asks_for_it_in_the_fields_own_words(web: Sample) -> None:
    answer = await web.post("/form", {"email": ""})
    assert "Skriv din e-postadress." in answer.text


async def test_in_english_the_same(web: Sample) -> None:
    async with web.stranger() as reader:
        token = await web.token(reader, "/form?lang=en")
        answer = await reader.post("/form", data={"csrf_token": token, "email": ""})
    assert "Write your e-mail address." in answer.text
    assert "<title>Error: " in answer.text


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("title", "x" * 21, "Korta svaret till högst 20 tecken."),
        ("title", "two\nlines", "Skriv det här på en rad."),
        ("title", "two\u2028lines", "Skriv det här på en rad."),
        ("title", "two\x85lines", "Skriv det här på en rad."),
        ("title", "nul\x00", "Ta bort tecknen som inte kan visas."),
        ("title", "\x1b[31m", "Ta bort tecknen som inte kan visas."),
        ("title", "a\x1cb", "Ta bort tecknen som inte kan visas."),
        ("title", "abc\u202egnp", "Ta bort tecknen som inte kan visas."),
        ("title", "a" + "\u0301" * 15, "Ta bort tecknen som inte kan visas."),
        ("message", "nul\x00", "Ta bort tecknen som inte kan visas."),
        ("message", "x" * 201, "Korta svaret till högst 200 tecken."),
        ("name", "visit http://evil.example", "Skriv bara namnet, utan någon webbadress."),
        ("name", "www.evil.example", "Skriv bara namnet, utan någon webbadress."),
        ("name", "cheap-pills.com", "Skriv bara namnet, utan någon webbadress."),
        ("name", "\u200b\u200b", "Fyll i ett svar."),
        ("count", "NaN", "Skriv ett tal med siffror."),
        ("count", "1e309", "Skriv ett tal med siffror."),
        ("count", "9" * 5000, "Skriv ett tal med siffror."),
    ],
)
async def test_a_bad_answer_is_told_at_its_field(
    web: Sample, field: str, value: str, says: str
) -> None:
    answer = await web.post("/form", {**GOOD, field: value})
    assert answer.status_code == 422
    assert f'href="#field-{field}"' in answer.text
    assert says in answer.text


@pytest.mark.parametrize(
    "email",
    [
        "anna",
        "anna@falun",
        "anna@@falun.se",
        "anna@falun.se,erik@falun.se",
        "Anna <anna@falun.se>",
        '"anna berg"@falun.se',
        "anna(hi)@falun.se",
        "anna@[192.0.2.1]",
        "anna@192.0.2.1",
        "-anna@falun.se",
        ".anna@falun.se",
        "anna.@falun.se",
        "an..na@falun.se",
        "anna@falun.se.",
        "anna@-falun.se",
        "anna@fa_lun.se",
        "anna@falun.s",
        "anna falun@falun.se",
        f"{'a' * 65}@falun.se",
        f"anna@{'a' * 64}.se",
        f"anna@{'abc.' * 80}se",
        "anna@falun.se\r\nBcc: all@example.org",
        "ånna@falun.se",
    ],
)
async def test_what_is_no_single_plain_address_is_refused(web: Sample, email: str) -> None:
    answer = await web.post("/form", {"email": email})
    assert answer.status_code == 422
    assert 'href="#field-email"' in answer.text


@pytest.mark.parametrize(
    ("email", "kept"),
    [
        ("anna+kickoff@falun.se", "anna+kickoff@falun.se"),
        ("o'brien@example.org", "o'brien@example.org"),
        ("anna@åmål.se", "anna@xn--ml-xiab.se"),
        (f"{'a' * 64}@falun.se", f"{'a' * 64}@falun.se"),
    ],
)
async def test_unusual_addresses_that_people_have_are_taken(
    web: Sample, email: str, kept: str
) -> None:
    assert (await web.post("/form", {"email": email})).json()["email"] == kept


async def test_words_are_kept_in_unicodes_composed_form(web: Sample) -> None:
    answer = await web.post("/form", {**GOOD, "name": "A\u030asa O\u0308berg"})
    assert answer.json()["name"] == "Åsa Öberg"


@pytest.mark.parametrize(
    "extra",
    [
        {"role": "staff"},
        {"email": ["anna@falun.se", "erik@falun.se"]},
        {"__proto__": "x"},
    ],
)
async def test_fields_that_nobody_asked_for_are_refused(web: Sample, extra: dict[str, Any]) -> None:
    answer = await web.post("/form", {**GOOD, **extra})
    assert answer.status_code == 422
    assert "Formuläret innehöll något som vi inte frågade efter." in answer.text


async def test_bytes_that_are_no_text_are_refused(web: Sample) -> None:
    token = await web.token()
    answer = await web.client.post(
        "/form",
        content=f"csrf_token={token}&email=anna@falun.se&title=%ff%fe".encode(),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 422
    assert "Ta bort tecknen" in answer.text


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{}", "application/json"),
        (b"email=x", "text/plain"),
        (b"", ""),
        (b"email=x", "application/x-www-form-urlencodedx"),
    ],
)
async def test_what_is_no_form_is_refused(web: Sample, body: bytes, kind: str) -> None:
    answer = await web.client.post(
        "/form/unhandled", content=body, headers={**HTML, "content-type": kind}
    )
    assert answer.status_code == 415
    assert "Vi kunde inte läsa det som skickades." in answer.text


async def test_a_file_and_a_broken_multipart_body_are_refused(web: Sample) -> None:
    token = await web.token()
    file = await web.client.post(
        "/form", data={"csrf_token": token}, files={"email": ("a.exe", b"MZ")}
    )
    assert file.status_code == 400
    broken = await web.client.post(
        "/form", content=b"--x", headers={"content-type": "multipart/form-data; boundary=x"}
    )
    assert broken.status_code in {400, 403}
    many = await web.post("/form", {f"field{number}": "x" for number in range(500)})
    assert many.status_code in {400, 422}


async def test_multipart_forms_are_read_like_others(web: Sample) -> None:
    token = await web.token()
    parts = {"csrf_token": (None, token), "email": (None, "anna@falun.se")}
    assert (await web.client.post("/form", files=parts)).status_code == 200


async def test_a_refusal_that_no_page_shows_still_tells_what_to_do(web: Sample) -> None:
    answer = await web.post("/form/unhandled", {"email": ""}, **HTML)
    assert answer.status_code == 422
    assert "Skriv din e-postadress." in answer.text
    assert "det du skrev finns kvar" in answer.text


async def test_the_key_that_makes_sending_twice_harmless_stays_when_the_page_comes_again(
    web: Sample,
) -> None:
    shown = await web.client.get("/stil")
    key = hidden(shown, "idempotency_key")
    UUID(key)
    again = await web.client.post(
        "/stil",
        data={"csrf_token": hidden(shown, "csrf_token"), "idempotency_key": key, "email": ""},
    )
    assert hidden(again, "idempotency_key") == key
    assert hidden(await web.client.get("/stil"), "idempotency_key") != key
    sent = await web.post("/form/once", {"idempotency_key": key})
    assert sent.text == key


@pytest.mark.parametrize("key", ["", "1", "x" * 36])
async def test_a_form_without_its_key_does_nothing(web: Sample, key: str) -> None:
    answer = await web.post("/form/once", {"idempotency_key": key})
    assert answer.status_code == 422
