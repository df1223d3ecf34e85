"""The app: what every answer carries, and how everything that goes wrong is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from fastapi import APIRouter
from jinja2 import TemplateSyntaxError
from samband_contracts.values import Role
from samband_kit.web.app import rules, unguarded, web_app
from samband_kit.web.context import Web
from samband_kit.web.templating import environment

from tests.kit.web_sample import Sample, sample

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from samband_kit.testing import Backing

HTML = {"accept": "text/html", "accept-language": "sv"}


@pytest.fixture(scope="module")
async def web(backing: Backing) -> AsyncIterator[Sample]:
    async with sample(backing) as made:
        yield made


@pytest.mark.parametrize(
    "path", ["/form", "/nowhere", "/broken", "/api/broken", "/static/mark.svg"]
)
async def test_every_answer_has_the_security_headers(web: Sample, path: str) -> None:
    headers = (await web.client.get(path)).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "strict-transport-security" not in headers


async def test_strict_transport_and_host_cookies_come_with_https(backing: Backing) -> None:
    async with sample(backing, public_url="https://samband.test") as web:
        answer = await web.client.get("/form?lang=en")
        assert "max-age=31536000" in answer.headers["strict-transport-security"]
        cookies = answer.headers.get_list("set-cookie")
        assert [cookie.split("=")[0] for cookie in cookies] == ["__Host-lang", "__Host-visit"]
        assert all("Secure" in one and "HttpOnly" in one and "Path=/" in one for one in cookies)
        assert "SameSite=Lax" in cookies[0]


async def test_pages_rest_in_no_cache(web: Sample) -> None:
    assert (await web.client.get("/form")).headers["cache-control"] == "no-store"


async def test_static_files_are_kept_for_a_year_under_an_address_of_their_content(
    web: Sample,
) -> None:
    text = (await web.client.get("/form")).text
    address = text.split('rel="stylesheet" href="')[1].split('"')[0]
    assert "?v=" in address
    kept = await web.client.get(address)
    assert kept.headers["content-type"].startswith("text/css")
    assert "immutable" in kept.headers["cache-control"]
    plain = await web.client.get(address.split("?")[0])
    assert plain.headers["cache-control"] == "public, max-age=3600"


async def test_a_path_out_of_the_static_folder_is_not_found(web: Sample) -> None:
    answer = await web.client.get("/static/%2e%2e/app.py", headers=HTML)
    assert answer.status_code == 404


async def test_the_correlation_id_is_ours_and_not_the_clients(web: Sample) -> None:
    claimed = "01890000-0000-7000-8000-000000000000"
    answer = await web.client.get("/form", headers={"x-request-id": claimed})
    assert answer.headers["x-request-id"] != claimed


async def test_a_refusal_is_a_page_for_people(web: Sample) -> None:
    answer = await web.client.get("/refused", headers=HTML)
    assert answer.status_code == 409
    assert "The call &lt;b&gt;Rights&lt;/b&gt; is closed." in answer.text
    assert "Gå tillbaka och ladda om sidan för att se hur det är nu." in answer.text
    assert f"{answer.headers['x-request-id']}</span>" in answer.text


async def test_a_refusal_is_problem_details_for_programs(web: Sample) -> None:
    answer = await web.client.get("/api/refused", headers={**HTML, "accept-language": "en"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:samband:problem:call-closed",
        "title": "This does not fit the present state.",
        "status": 409,
        "detail": "The call <b>Rights</b> is closed.",
        "instance": f"urn:uuid:{answer.headers['x-request-id']}",
    }


async def test_who_accepts_json_gets_problem_details_everywhere(web: Sample) -> None:
    answer = await web.client.get("/refused", headers={"accept": "application/json"})
    assert answer.headers["content-type"] == "application/problem+json"


async def test_fields_are_listed_in_the_readers_language(web: Sample) -> None:
    answer = await web.client.get("/api/fields", headers={"accept-language": "sv"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"field": "email", "message": "Skriv din e-postadress."},
    ]


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("GET", "/nowhere", 404, "Sidan finns inte."),
        ("GET", "/nowhere/", 404, "Sidan finns inte."),
        ("GET", "/form/", 404, "Sidan finns inte."),
        ("DELETE", "/form", 405, "Den här adressen kan inte användas på det sättet."),
        ("TRACE", "/form", 405, "Den här adressen kan inte användas på det sättet."),
        ("GET", "/things/not-an-id", 404, "Sidan finns inte."),
        ("GET", "/things/01890000-0000-7000-8000-000000000000?size=1e309", 422, "siffror"),
        ("GET", "/broken", 500, "Något gick fel hos oss. Inget du skrev har gått förlorat."),
        ("GET", "/unreachable", 503, "Tjänsten är upptagen eller startas om."),
    ],
)
async def test_each_kind_of_trouble_has_a_page_that_says_what_to_do(
    web: Sample, method: str, path: str, status: int, says: str
) -> None:
    answer = await web.client.request(method, path, headers=HTML)
    assert answer.status_code == status
    assert says in answer.text
    assert 'href="/"' in answer.text
    assert "Felnummer:" in answer.text


@pytest.mark.parametrize("path", ["/find", "/api/find"])
async def test_a_character_that_postgres_cannot_keep_is_the_senders_mistake(
    web: Sample, path: str
) -> None:
    assert (await web.client.get(f"{path}?q=a")).text == "a"
    refused = await web.client.get(f"{path}?q=a%00b", headers=HTML)
    assert refused.status_code == 400


@pytest.mark.parametrize(
    ("path", "status"),
    [("/form", 200), ("/static/samband.css", 200), ("/nowhere", 404), ("/broken", 500)],
)
async def test_head_says_what_get_says_without_the_body(
    web: Sample, path: str, status: int
) -> None:
    shown = await web.client.get(path, headers=HTML)
    asked = await web.client.head(path, headers=HTML)
    assert (shown.status_code, asked.status_code, asked.content) == (status, status, b"")
    for name in ("content-type", "content-security-policy"):
        assert asked.headers[name] == shown.headers[name]


async def test_head_of_what_only_takes_forms_is_refused(web: Sample) -> None:
    assert (await web.client.head("/form/once")).status_code == 405


async def test_what_went_wrong_inside_is_not_shown_and_not_logged(
    web: Sample, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("/broken", "/api/broken", "/unreachable"):
        answer = await web.client.get(path, headers=HTML)
        assert "anna@falun.se" not in answer.text
        assert "10.0.0.7" not in answer.text
        assert "Traceback" not in answer.text
    logged = capsys.readouterr().out + caplog.text
    assert "anna@falun.se" not in logged


async def test_unavailable_says_when_to_come_back(web: Sample) -> None:
    assert (await web.client.get("/unreachable")).headers["retry-after"] == "60"


async def test_a_wrong_method_names_the_right_ones(web: Sample) -> None:
    assert (await web.client.delete("/things/1")).headers["allow"] == "GET"


async def test_an_announced_large_body_is_refused(web: Sample) -> None:
    body = "x" * (64 * 1024 + 1)
    answer = await web.client.post(
        "/form", content=body, headers={**HTML, "content-type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 413
    assert "Det du skickade är för stort." in answer.text


async def test_a_large_body_in_chunks_is_refused_too(web: Sample) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(1024):
            yield b"x" * 1024

    answer = await web.client.post(
        "/api/things", content=chunks(), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:samband:problem:body-too-large"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 10_000,
        b"\xff\xfe",
        b"NaN",
        json.dumps({"name": "Anna"}).encode(),
        json.dumps({"name": "Anna", "count": 2, "role": "staff"}).encode(),
        json.dumps({"name": "Anna\u202egnp", "count": 1}).encode(),
        json.dumps({"name": "\ud800", "count": 1}).encode(),
        json.dumps({"name": "Anna", "count": 10**400}).encode(),
        json.dumps({"name": "visit http://evil.example", "count": 1}).encode(),
    ],
)
async def test_a_bad_json_body_is_a_problem_and_never_a_fault(web: Sample, body: bytes) -> None:
    answer = await web.client.post(
        "/api/things", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_language_is_the_addresss_then_the_cookies_then_the_browsers(
    web: Sample,
) -> None:
    async with web.stranger(**{"accept-language": "de, en;q=0.8"}) as reader:
        assert '<html lang="en">' in (await reader.get("/form")).text
        assert '<html lang="sv">' in (await reader.get("/form?lang=sv")).text
        assert '<html lang="sv">' in (await reader.get("/form")).text
        assert '<html lang="sv">' in (await reader.get("/form?lang=xx")).text
    async with web.stranger(**{"accept-language": "en, sv"}) as reader:
        assert '<html lang="sv">' in (await reader.get("/form")).text
    async with web.stranger(**{"accept-language": "fi"}) as reader:
        assert '<html lang="sv">' in (await reader.get("/form")).text


async def test_the_host_header_never_reaches_a_page(web: Sample) -> None:
    answer = await web.client.get("/form", headers={"host": "evil.example"})
    assert "evil.example" not in answer.text


async def test_the_access_log_and_the_metrics_name_the_route_not_the_path(
    web: Sample, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    await web.client.get("/link/secret-token", headers=HTML)
    logged = capsys.readouterr().out + caplog.text
    assert "secret-token" not in logged
    labels = {"method": "GET", "route": "/link/{token}", "status": "404"}
    assert web.registry.get_sample_value("samband_http_request_seconds_count", labels) == 1


async def test_a_route_without_a_rule_is_found(web: Sample) -> None:
    assert unguarded(web.app) == []
    careless = APIRouter()

    @careless.post("/open-to-all")
    async def forgotten() -> None: ...

    state: Web = web.app.state.web
    registry = web.registry.__class__()
    runtime = state.runtime.__class__(
        state.runtime.service, state.runtime.settings, state.runtime.pool, registry
    )
    app = web_app(runtime, routers=[careless], templates=[], title="Careless")
    assert unguarded(app) == ["POST /open-to-all"]


async def test_the_rules_of_all_routes_can_be_listed(web: Sample) -> None:
    found = rules(web.app)
    assert found["GET /staff"] == frozenset({Role.STAFF})
    assert found["GET /stil"] is None


def test_a_broken_template_stops_the_start_and_not_the_first_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = tmp_path / "broken_service" / "meetings" / "templates"
    room.mkdir(parents=True)
    (tmp_path / "broken_service" / "__init__.py").touch()
    (room / "list.html").write_text("{% for meeting in %}")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(TemplateSyntaxError):
        environment(("broken_service",))
