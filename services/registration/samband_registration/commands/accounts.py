"""Commands about staff accounts: a link to sign in with, and closing one."""

from typing import Annotated

import typer
from samband_contracts.values import Role
from samband_kit.database import Connection, Pool
from samband_kit.operating.execution import (
    change,
    current_operator,
    read_settings,
    say,
    say_json,
    with_pool,
)
from samband_kit.web.links import Links

from samband_registration.accounts.handlers import (
    LINK_LIFETIME,
    SIGN_IN,
    STAFF_ROLES,
    close_account,
    staff_account,
)
from samband_registration.main import SERVICE

Operator = Annotated[
    str,
    typer.Option(
        default_factory=current_operator, envvar="SAMBAND_OPERATOR", help="Who, for the audit."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def add_to(commands: typer.Typer, example: str) -> None:
    """Add these commands to the service's own."""
    commands.command("sign-in-link", epilog=f"{example} sign-in-link --role coordinator")(
        _sign_in_link
    )
    commands.command(
        "close-account",
        epilog=f'{example} close-account --email kim@icld.example --reason "left on 3 May"',
    )(_close_account)


def _sign_in_link(
    *,
    email: Annotated[
        str, typer.Option(help="Whose account; it is made if there is none.")
    ] = "staff@samband.example",
    name: Annotated[str, typer.Option(help="What a new account is called.")] = "ICLD",
    role: Annotated[
        list[Role] | None,
        typer.Option(
            help="What a new account may do, staff or coordinator; both when left out.",
        ),
    ] = None,
    operator: Operator,
    as_json: AsJson = False,
) -> None:
    """Make a link that signs one of staff in, once and within 10 minutes."""
    roles = frozenset(role) if role else None
    if roles is not None and not roles <= STAFF_ROLES:
        raise typer.BadParameter("staff or coordinator", param_hint="--role")

    async def work(pool: Pool) -> str:
        account_id = await staff_account(
            pool, email=email, name=name, operator=operator, roles=roles
        )
        return Links(settings).sign(SIGN_IN, account_id, LINK_LIFETIME)

    settings = read_settings(SERVICE)
    link = f"{settings.public_url}/logga-in/{with_pool(SERVICE, work)}"
    if as_json:
        say_json({"link": link})
    else:
        say(link)


def _close_account(
    *,
    email: Annotated[str, typer.Option(help="Whose account.")],
    reason: Annotated[str, typer.Option(help="Why, for the audit, which keeps it: name nobody.")],
    operator: Operator,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen, change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Close an account of staff: its sessions end, its links sign nobody in."""
    if not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")

    async def work(conn: Connection) -> bool:
        return await close_account(conn, email=email, operator=operator, reason=reason)

    closed = with_pool(SERVICE, lambda pool: change(pool, work, dry_run=dry_run))
    if as_json:
        say_json({"closed": closed, "dry_run": dry_run})
    elif closed:
        say("Would be closed." if dry_run else "Closed.")
    else:
        say("Closed already.")
