"""From the form to the mail in one trace, and nobody who notices when there is no collector."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import httpx
from samband_kit.testing import Backing, create_topics, eventually, service_settings
from samband_notifications.settings import NotificationsSettings

from tests.kit.collector import Collector, Seen, collector
from tests.notifications.mail_server import MailServer, mail_server
from tests.registration.register import Register, register
from tests.registration.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from samband_kit.settings import Settings

NAME, ADDRESS, MESSAGE = "Kanarie Fågel", "kanarie@pitea.example", "Pip säger vi"
FORM = "POST /anmalan/{call_id}/skicka"
REGISTRATIONS, DELIVERIES = "samband.internal.registrations", "samband.internal.deliveries"
# What sets up OpenTelemetry for a whole process, as an operator's platform may: FastAPI would
# give it spans of its own, with paths and queries, if we let it.
TEMPTATION = """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(settings: Settings, endpoint: str, ratio: float) -> dict[str, str]:
    given = {
        f"SAMBAND_{name.upper()}": str(value)
        for name, value in settings.model_dump(exclude_defaults=True).items()
    }
    secrets = {
        "SAMBAND_DATABASE_URL": settings.database_url.get_secret_value(),
        "SAMBAND_SECRET_KEYS": settings.secret_keys.get_secret_value(),
    }
    tracing = {
        "SAMBAND_OTLP_ENDPOINT": endpoint,
        "SAMBAND_TRACE_RATIO": str(ratio),
    }
    return os.environ | given | secrets | tracing


@dataclass(frozen=True)
class System:
    """Registration and notifications as processes of their own, and who uses them."""

    here: Register
    mails: MailServer
    somebody: Visitor
    processes: tuple[asyncio.subprocess.Process, ...]

    async def register_interest(self) -> str:
        """Fill in the form; the registration's link from the mail that came."""
        answers = {"name": NAME, "email": ADDRESS, "message": MESSAGE}
        receipt = await self.somebody.submit(await self.somebody.check_page(**answers))
        assert receipt.status == 303, receipt.text
        await eventually(lambda: len(self.mails.mails) == 1, 60)
        text = self.mails.mails[0].message.get_body(("plain",))
        assert text is not None
        [link] = [str(word) for word in text.get_content().split() if "/bekrafta/" in word]
        return link

    async def stop(self) -> list[int]:
        """SIGTERM to all; their exit codes."""
        for process in self.processes:
            process.terminate()
        return [await asyncio.wait_for(process.wait(), 30) for process in self.processes]


@asynccontextmanager
async def at_work(
    backing: Backing,
    endpoint: str,
    ratio: float = 1.0,
    more: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[System]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with (
        mail_server() as mails,
        register(backing, human_seconds=0, port=port, public_url=url) as here,
        service_settings(
            backing,
            "samband_notifications",
            NotificationsSettings,
            kafka_prefix=here.settings.kafka_prefix,
            smtp_host="127.0.0.1",
            smtp_port=mails.port,
            smtp_tls="none",
            port=free_port(),
            public_url=url,
        ) as settings,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client,
    ):
        await create_topics(here.settings)
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                package,
                "run",
                env=environment(own, endpoint, ratio) | dict(more),
            )
            for package, own in (
                ("samband_registration", here.settings),
                ("samband_notifications", settings),
            )
        ]
        try:
            await eventually(lambda: answers(client), 60)
            client.cookies.set("lang", "sv")
            yield System(here, mails, Visitor(client, here), tuple(processes))
        finally:
            for process in processes:
                if process.returncode is None:
                    process.kill()
                await process.wait()


async def answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/stil")).status_code == 200
    except httpx.TransportError:
        return False


async def test_the_form_and_its_mail_are_one_trace_in_order_and_name_nobody(
    backing: Backing, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(TEMPTATION)
    with collector() as seen:
        tempted = {"PYTHONPATH": str(tmp_path), "OTEL_EXPORTER_OTLP_ENDPOINT": seen.url}
        async with at_work(backing, seen.url, more=tempted) as system:
            link = await system.register_interest()
            assert (await system.somebody.get(link)).status == 200
            await eventually(lambda: len(seen.named("send mail")) == 1, 60)
            # What was not exported yet is at the stop.
            assert await system.stop() == [0, 0]
    [mail] = seen.named("send mail")
    assert seen.ancestors(mail) == [
        f"process {REGISTRATIONS}",
        f"create {REGISTRATIONS}",
        FORM,
    ]
    trace = seen.of(mail.trace_id)
    assert {span.service for span in trace} == {"registration", "notifications"}
    [settled] = [span for span in trace if span.name == f"create {DELIVERIES}"]
    assert seen.ancestors(settled)[0] == "send mail"
    assert_sending_is_linked(seen, trace)
    assert not [span.name for span in trace if span.is_error]
    assert (
        len(
            {span.attributes["samband.correlation_id"] for span in trace if "send" not in span.name}
        )
        == 1
    )
    assert {span.scope for span in seen.spans} == {"samband"}
    confirmation = seen.named("GET /bekrafta/{token}")
    assert [span.attributes["http.response.status_code"] for span in confirmation] == [200]
    everything = "\n".join(span.raw for span in seen.spans)
    token = link.rpartition("/")[2]
    for secret in (NAME, "kanarie", MESSAGE, "Kanarie", "pitea", token):
        assert secret not in everything
    assert not [span for span in seen.spans if "static" in span.name]


def assert_sending_is_linked(seen: Collector, trace: list[Seen]) -> None:
    """Every event that was created in the trace was also sent, by a span that says so."""
    created = {span.span_id for span in trace if span.name.startswith("create ")}
    linked = {link for span in seen.spans if span.name.startswith("send ") for link in span.links}
    assert created
    assert created <= linked


async def test_what_is_not_recorded_at_the_beginning_is_recorded_nowhere(backing: Backing) -> None:
    with collector() as seen:
        async with at_work(backing, seen.url, ratio=0.0) as system:
            await system.register_interest()
            assert await system.stop() == [0, 0]
            traceparent = await system.here.pool.fetchval(
                "select headers ->> 'ce_traceparent' from outbox where topic = $1", REGISTRATIONS
            )
    assert seen.spans == []
    # The decision travels with the event.
    assert int(traceparent[-2:], 16) % 2 == 0


async def test_without_a_collector_everything_works_and_stops_in_time(backing: Backing) -> None:
    with socket.socket() as hanging:
        # Takes connections and never answers: worse than one that refuses them.
        hanging.bind(("127.0.0.1", 0))
        hanging.listen(1)
        endpoint = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        async with at_work(backing, endpoint) as system:
            await system.register_interest()
            assert await system.stop() == [0, 0]
