"""Commands of this service's own, beside those that every service has."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import typer
from samband_contracts.values import Localised
from samband_kit.database import Pool, open_pool
from samband_kit.ids import new_id
from samband_kit.operating import operator_cli
from samband_kit.web.links import Links

from samband_registration.accounts.handlers import LINK_LIFETIME, SIGN_IN, staff_account
from samband_registration.calls.domain import OpenCall
from samband_registration.calls.handlers import open_call, open_call_if_none
from samband_registration.main import SERVICE
from samband_registration.organisations.handlers import load_register
from samband_registration.settings import RegistrationSettings

T = TypeVar("T")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def command_line() -> typer.Typer:
    """The kit's commands and ours."""
    commands = operator_cli(SERVICE)
    commands.command("load-register")(load_register_command)
    commands.command("open-call")(open_call_command)
    commands.command("sign-in-link")(sign_in_link_command)
    return commands


def load_register_command() -> None:
    """Bring Sweden's municipalities, regions and the first themes into the register.

    The job of the same name does it too; this is for whoever does not want to wait.
    """
    changed = _with_pool(RegistrationSettings.read(), load_register)
    typer.echo(f"{changed} organisations written.")


def open_call_command(
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
    settings = RegistrationSettings.read()
    now = datetime.now(UTC)
    command = OpenCall(
        title=Localised(sv=title_sv, en=title_en),
        opens_at=now,
        closes_at=now + timedelta(days=days),
        zone="Europe/Stockholm",
    )

    async def opened(pool: Pool) -> tuple[str, bool]:
        if if_none:
            call, new = await open_call_if_none(pool, command)
        else:
            call, new = await open_call(pool, command, key=str(new_id())), True
        return str(call.call_id), new

    call_id, new = _with_pool(settings, opened)
    address = f"{settings.public_url}/anmalan/{call_id}"
    if as_json:
        typer.echo(json.dumps({"call_id": call_id, "new": new, "address": address}))
    else:
        typer.echo(f"{'Opened' if new else 'Already open or to come'}: {address}")


def sign_in_link_command(
    *,
    email: Annotated[
        str, typer.Option(help="Whose account; it is made if there is none.")
    ] = "staff@samband.example",
    name: Annotated[str, typer.Option(help="What a new account is called.")] = "ICLD",
    as_json: AsJson = False,
) -> None:
    """Make a link that signs one of staff in, once and within 10 minutes."""
    settings = RegistrationSettings.read()
    account_id = _with_pool(settings, lambda pool: staff_account(pool, email=email, name=name))
    token = Links(settings).sign(SIGN_IN, account_id, LINK_LIFETIME)
    link = f"{settings.public_url}/logga-in/{token}"
    if as_json:
        typer.echo(json.dumps({"account_id": str(account_id), "link": link}))
    else:
        typer.echo(link)


def _with_pool(settings: RegistrationSettings, work: Callable[[Pool], Awaitable[T]]) -> T:
    async def run() -> T:
        pool = await open_pool(settings, max_size=1)
        try:
            return await work(pool)
        finally:
            await pool.close()

    return asyncio.run(run())
