"""`samband story`: play the story on a system that runs, or on a temporary one."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from samband_local import report as local_report
from samband_local.place import Place, nearest, read_json
from samband_local.problems import LocalProblem
from samband_local.story.teller import Teller
from samband_local.temporary import temporary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from samband_kit.kafka import Access

    from samband_local.story.play import Stage
    from samband_local.story.report import Report

EPILOG = (
    "Examples:  samband story  ·  samband story --json  ·  samband story --temporary\n\n"
    "Exit codes: 0 all as it should be · 1 something differs · 2 wrong usage · 75 try again later."
)


class StoryStopped(LocalProblem):
    """Somebody in the story could not go on."""

    def __init__(self, reason: object) -> None:
        super().__init__(f"The story stopped: {reason}")


def story(
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            envvar="SAMBAND_DATA",
            help="Folder of the running system.  [default: the nearest .samband]",
        ),
    ] = None,
    *,
    own: Annotated[
        bool, typer.Option("--temporary", help="On a system of its own even if one runs.")
    ] = False,
    url: Annotated[
        str | None,
        typer.Option(help="Address of another system; needs the three options below too."),
    ] = None,
    mailbox_url: Annotated[str | None, typer.Option(help="Its mailbox.")] = None,
    kafka: Annotated[str | None, typer.Option(help="Its Kafka brokers, host:port.")] = None,
    staff_link: Annotated[str | None, typer.Option(help="A link that signs staff in.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Play the first human-rights network and check every count.

    On the system that runs here; when none does, on a temporary one. What
    another system's Kafka asks of its clients is read from SAMBAND_KAFKA_SECURITY,
    SAMBAND_KAFKA_USERNAME, SAMBAND_KAFKA_PASSWORD and SAMBAND_KAFKA_CA.
    """
    # The play and what it stands on takes half a second to load, which every
    # other command, `samband up` first of all, would have to wait for.
    from samband_local.story.play import Stage

    teller = Teller(Console(stderr=True, quiet=as_json))
    other = (url, mailbox_url, kafka, staff_link)
    if url and mailbox_url and kafka and staff_link:
        found = _play(Stage(url, mailbox_url, _access(kafka), staff_link), teller)
    elif any(other):
        raise typer.BadParameter("--url, --mailbox-url, --kafka and --staff-link go together")
    else:
        with _stage(Place((data or nearest(Path.cwd())).absolute()), teller, own=own) as stage:
            found = _play(stage, teller)
    _conclude(found, as_json=as_json)


def _access(servers: str) -> Access:
    from samband_kit.settings import KafkaSettings, SettingsRefused

    try:
        return KafkaSettings.read(kafka_servers=servers).kafka
    except SettingsRefused as reason:
        raise typer.BadParameter(str(reason)) from reason


@contextmanager
def _stage(place: Place, teller: Teller, *, own: bool) -> Iterator[Stage]:
    from samband_kit.kafka import Access

    from samband_local.story.play import Stage

    state = read_json(place.state) if not own and place.is_owned() else {}
    if state:
        link = local_report.sign_in_link(place)
        yield Stage(state["url"], state["mailbox_url"], Access(state["kafka_servers"]), link)
        return
    teller.act("A temporary system starts")
    with temporary(progress=teller.line) as stack:
        yield Stage(stack.url, stack.mailbox_url, Access(stack.kafka_servers), stack.staff_link())


def _play(stage: Stage, teller: Teller) -> Report:
    import httpx
    from samband_kit.kafka import KafkaError, KafkaUnreachable

    from samband_local.story.mail import NoSuchMail
    from samband_local.story.play import play
    from samband_local.story.visitor import PageSurprise

    try:
        return asyncio.run(play(stage, teller))
    except (PageSurprise, NoSuchMail, httpx.HTTPError, KafkaUnreachable, KafkaError) as reason:
        raise StoryStopped(reason or type(reason).__name__) from reason


def _conclude(found: Report, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found.as_json(), ensure_ascii=False))
    for difference in found.differences:
        typer.echo(difference, err=True)
    if found.differences:
        sys.exit(1)
    if not as_json:
        typer.echo(f"\nEverything is as it should be, after {found.seconds:.1f} seconds.")
