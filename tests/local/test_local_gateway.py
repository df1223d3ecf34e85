"""One address for people: which service answers which path."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from samband_local import gateway, ports, programs
from samband_local.place import Place
from samband_local.services import NAMES, Addresses


class Echo(BaseHTTPRequestHandler):
    """Answers with what reached it."""

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        self.rfile.read(length)
        answer = json.dumps(
            {"port": self.connection.getsockname()[1], "path": self.path, **self.headers}
        )
        # A body that is too large makes the gateway hang up.
        with suppress(ConnectionError):
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def addresses() -> Addresses:
    return Addresses(**ports.choose(list(Addresses.__annotations__), fix={}, last={}))


@pytest.fixture(scope="module")
def upstreams(addresses: Addresses) -> Iterator[dict[str, ThreadingHTTPServer]]:
    servers = {
        name: ThreadingHTTPServer(("127.0.0.1", addresses.port(name)), Echo) for name in NAMES
    }
    for server in servers.values():
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield servers
    for server in servers.values():
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = Place(tmp_path_factory.mktemp("gateway") / ".samband")
    place.make()
    return place.log("gateway")


@pytest.fixture(scope="module")
def web(
    addresses: Addresses, upstreams: dict[str, ThreadingHTTPServer], log: Path
) -> Iterator[httpx.Client]:
    place = Place(log.parents[1])
    command = gateway.process(place, addresses)
    command.start()
    with httpx.Client(base_url=addresses.url, trust_env=False, timeout=20) as client:
        yield client
    command.stop()


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/", "registration"),
        ("/anmalan/1/granska", "registration"),
        ("/handlaggning/anmalningar", "registration"),
        ("/static/samband.css", "registration"),
        ("/api/registration/organisations", "registration"),
        ("/natverk", "networks"),
        ("/natverk/1/traffar", "networks"),
        ("/api/networks", "networks"),
        ("/api/networks/1", "networks"),
        ("/natverken", "registration"),
        ("/api/networksandmore", "registration"),
        ("/utskick", "notifications"),
        ("/utskick/1", "notifications"),
        ("/api/notifications/1", "notifications"),
        ("/utskicken", "registration"),
    ],
)
def test_each_path_has_its_service(
    web: httpx.Client, addresses: Addresses, path: str, service: str
) -> None:
    answer = web.get(path).json()
    assert answer["port"] == addresses.port(service)
    assert answer["path"] == path


def test_a_client_cannot_say_who_it_is(web: httpx.Client) -> None:
    answer = web.get(
        "/",
        headers={
            "X-Forwarded-For": "6.6.6.6",
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "https",
            "Forwarded": "for=6.6.6.6",
            "X-Request-ID": "chosen",
        },
    ).json()
    named = {name.lower(): value for name, value in answer.items()}
    assert named["x-forwarded-for"] == "127.0.0.1"
    assert named["x-forwarded-proto"] == "http"
    assert "evil" not in json.dumps(answer)
    assert "forwarded" not in named
    assert "x-request-id" not in named


@contextmanager
def behind(addresses: Addresses, folder: Path, proxies: str) -> Iterator[httpx.Client]:
    """Another gateway, with these in front of it."""
    place = Place(folder / ".samband")
    place.make()
    [port] = ports.free_ports(1)
    usual = gateway.process(place, addresses)
    environment = {**usual.environment, "TRUSTED_PROXIES": proxies, "GATEWAY_PORT": str(port)}
    command = replace(usual, environment=environment, is_ready=lambda: programs.listens(port))
    command.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client
    finally:
        command.stop()


@pytest.mark.parametrize(
    ("proxies", "visitor"),
    [
        ("private_ranges", "6.6.6.6, 127.0.0.1"),
        ("10.0.0.1 127.0.0.1", "6.6.6.6, 127.0.0.1"),
        ("10.0.0.1", "127.0.0.1"),
    ],
)
def test_a_proxy_in_front_is_believed_if_it_is_named(
    addresses: Addresses,
    upstreams: dict[str, ThreadingHTTPServer],
    tmp_path: Path,
    proxies: str,
    visitor: str,
) -> None:
    with behind(addresses, tmp_path, proxies) as web:
        answer = web.get("/", headers={"X-Forwarded-For": "6.6.6.6"}).json()
    named = {name.lower(): value for name, value in answer.items()}
    # The services take the first of these for the visitor.
    assert named["x-forwarded-for"] == visitor


def test_any_host_name_is_served(web: httpx.Client, addresses: Addresses) -> None:
    answer = web.get("/natverk", headers={"Host": "samband.example"}).json()
    assert answer["port"] == addresses.port("networks")


def test_an_oversized_body_is_refused(web: httpx.Client) -> None:
    assert web.post("/anmalan", content=b"x" * 2_000_000).status_code == 413


def test_a_service_that_restarts_is_waited_for_and_then_explained(
    web: httpx.Client,
    upstreams: dict[str, ThreadingHTTPServer],
    addresses: Addresses,
    log: Path,
) -> None:
    upstreams["networks"].shutdown()
    upstreams["networks"].server_close()
    explained = web.get("/natverk/secret-token")
    assert explained.status_code == 502
    assert explained.headers["retry-after"] == "5"
    assert "Strax tillbaka" in explained.text
    # Some paths hold a personal link.
    assert "secret-token" not in log.read_text()

    def come_back() -> None:
        again = upstreams["networks"] = ThreadingHTTPServer(
            ("127.0.0.1", addresses.port("networks")), Echo
        )
        again.serve_forever()

    threading.Timer(0.5, come_back).start()
    assert web.get("/natverk").status_code == 200
