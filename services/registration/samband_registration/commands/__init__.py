"""Commands of this service's own, beside those that every service has."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from samband_contracts.values import Localised
from samband_kit.database import Pool
from samband_kit.ids import new_id
from samband_kit.operating import operator_cli
from samband_kit.operating.execution import read_settings, say, say_json, with_pool

from samband_registration.calls.domain import Call, OpenCall
from samband_registration.calls.handlers import open_call, open_call_if_none
from samband_registration.commands import accounts as account_commands
from samband_registration.commands import contacts as contact_commands
from samband_registration.main import SERVICE
from samband_registration.organisations.handlers import load_register

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def command_line() -> typer.Typer:
    """The kit's commands and ours."""
    commands = operator_cli(SERVICE)
    example = "Example: python -m samband_registration"
    commands.command("load-register", epilog=f"{example} load-register")(_load_register)
    commands.command("open-call", epilog=f"{example} open-call --if-none")(_open_call)
    contact_commands.add_to(commands, example)
    account_commands.add_to(commands, example)
    return commands


def _load_register() -> None:
    """Bring Sweden's municipalities and regions, and the first themes, into the register.

    The job of the same name does it too; this is for whoever does not want to wait.
    """
    changed = with_pool(SERVICE, load_register)
    say(f"{changed} organisations changed.")


def _open_call(
    *,
    title_sv: Annotated[str, typer.Option(help="The title in Swedish.")] = (
        "Nätverk för mänskliga rättigheter"
    ),
    title_en: Annotated[str, typer.Option(help="The title in English.")] = "Human rights network",
    days: Annotated[int, typer.Option(min=1, max=1000, help="How long it is open.")] = 60,
    if_none: Annotated[
        bool, typer.Option("--if-none", help="Do nothing while a call is open or to come.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Open a call from now on."""
    now = datetime.now(UTC)
    command = OpenCall(
        title=Localised(sv=title_sv, en=title_en),
        opens_at=now,
        closes_at=now + timedelta(days=days),
        zone="Europe/Stockholm",
    )

    async def work(pool: Pool) -> tuple[Call, bool]:
        if if_none:
            return await open_call_if_none(pool, command)
        return await open_call(pool, command, key=str(new_id())), True

    call, new = with_pool(SERVICE, work)
    address = f"{read_settings(SERVICE).public_url}/anmalan/{call.call_id}"
    if as_json:
        say_json({"call_id": call.call_id, "new": new, "address": address})
    else:
        say(f"{'Opened' if new else 'Open or to come already'}: {address}")
