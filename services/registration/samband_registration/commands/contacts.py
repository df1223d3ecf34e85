"""Commands about contact persons, for whom a person has asked to correct or erase them."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Final, TypeVar
from uuid import UUID

import typer
from pydantic import TypeAdapter, ValidationError
from samband_contracts.values import Language
from samband_kit import pulse
from samband_kit.database import Connection, Pool
from samband_kit.operating.execution import (
    change,
    current_operator,
    read_settings,
    say,
    say_json,
    with_pool,
)
from samband_kit.web.text import Email, PersonName

from samband_registration.contacts import handlers, store
from samband_registration.contacts.domain import Contact, Correction
from samband_registration.main import SERVICE

T = TypeVar("T")

_NAME: Final = TypeAdapter[str](PersonName)
_EMAIL: Final = TypeAdapter[str](Email)
_LANGUAGE: Final = TypeAdapter[Language](Language)

ContactId = Annotated[
    UUID, typer.Argument(metavar="CONTACT_ID", help="The person, as `contacts` shows it.")
]
Why = Annotated[
    str, typer.Option("--reason", help="Why, for the audit, which keeps it: name nobody.")
]
Operator = Annotated[
    str,
    typer.Option(
        default_factory=current_operator, envvar="SAMBAND_OPERATOR", help="Who, for the audit."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Do it all, then roll it back.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def add_to(commands: typer.Typer, example: str) -> None:
    """Add these commands to the service's own."""
    commands.command("contacts", epilog=f"{example} contacts --registration REFERENCE")(_contacts)
    commands.command(
        "correct-contact",
        epilog=f'{example} correct-contact CONTACT_ID --language en --reason "asked on 3 May"',
    )(_correct)
    commands.command(
        "erase-contact",
        epilog=f'{example} erase-contact CONTACT_ID --reason "asked on 3 May" --dry-run',
    )(_erase)


def _contacts(
    *,
    registration: Annotated[
        str | None, typer.Option(help="Those behind the one with this reference.")
    ] = None,
    email: Annotated[str | None, typer.Option(help="Those with this address.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show contact persons with their ids: personal data, for your eyes."""
    if registration is None and email is None:
        raise typer.BadParameter("say which: --registration or --email")

    async def work(pool: Pool) -> list[tuple[str, Contact]]:
        async with pool.acquire() as conn:
            return await store.behind(conn, reference=registration, email=email)

    found = with_pool(SERVICE, work)
    if as_json:
        say_json([{"registration": reference, **asdict(person)} for reference, person in found])
        return
    for reference, person in found:
        say(f"{person.contact_id}  {reference}  {person.name}  {person.email}  {person.language}")
    if not found:
        say("Nobody: there is no such registration or address, or the person has been erased.")


def _correct(
    contact_id: ContactId,
    *,
    reason: Why,
    operator: Operator,
    name: Annotated[str | None, typer.Option(help="The right name.")] = None,
    email: Annotated[str | None, typer.Option(help="The right address.")] = None,
    language: Annotated[str | None, typer.Option(help="The language of mails: sv or en.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Correct what is kept about a person, and tell all that know them."""
    _want(reason)
    correction = Correction(
        name=_checked(_NAME, name, "--name"),
        email=_checked(_EMAIL, email, "--email"),
        language=_checked(_LANGUAGE, language, "--language"),
    )
    if correction == Correction():
        raise typer.BadParameter("say what is right: --name, --email or --language")

    async def work(conn: Connection) -> None:
        await handlers.correct(conn, contact_id, correction, operator=operator, reason=reason)

    _change(work, dry_run=dry_run)
    _tell("corrected", contact_id, dry_run=dry_run, as_json=as_json)


def _erase(
    contact_id: ContactId,
    *,
    reason: Why,
    operator: Operator,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Erase a person and what they wrote, here and in all that know them, for ever."""
    _want(reason)

    async def work(conn: Connection) -> None:
        await handlers.erase(conn, contact_id, operator=operator, reason=reason)

    _change(work, dry_run=dry_run)
    _tell("erased", contact_id, dry_run=dry_run, as_json=as_json)


def _want(reason: str) -> None:
    if not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")


def _checked(adapter: TypeAdapter[T], typed: str | None, option: str) -> T | None:
    if typed is None:
        return None
    try:
        return adapter.validate_python(typed)
    except ValidationError as error:
        raise typer.BadParameter(error.errors()[0]["msg"], param_hint=option) from None


def _change(work: Callable[[Connection], Awaitable[None]], *, dry_run: bool) -> None:
    """Do it; then a pulse, so that Kafka soon forgets what was said before."""
    settings = read_settings(SERVICE)

    async def run(pool: Pool) -> None:
        await change(pool, work, dry_run=dry_run)
        if not dry_run:
            await pulse.try_to_beat(settings, pulse.topics_of(SERVICE.name))

    with_pool(SERVICE, run)


def _tell(done: str, contact_id: UUID, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        say_json({"contact_id": contact_id, "done": done, "dry_run": dry_run})
    elif dry_run:
        say(f"Nothing was changed. Without --dry-run {contact_id} would be {done}.")
    else:
        say(f"{contact_id} is {done}.")
