"""`trace`: what one person's action led to, as far as this service knows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from samband_kit.errors import NotFound
from samband_kit.history import History, merge
from samband_kit.history.reading import part_of
from samband_kit.history.timeline import Line, lines
from samband_kit.operating.execution import REFUSED, say, with_pool
from samband_kit.operating.options import Json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_kit.database import Pool
    from samband_kit.service import Service

From = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="FILE",
        help="What another service's `trace --json` said; - is standard input. May be given again.",
    ),
]


class NothingKnown(NotFound):
    """Nothing is known of {asked}. It may be older than what is kept, or another service's."""


def add_to(cli: typer.Typer, service: Service) -> None:
    """Add the command of a service to its command line."""

    @cli.command(
        epilog=f"Example: python -m {service.package} trace 01890a5d-ac96-774b-bcce-b302099a8057"
    )
    def trace(
        asked: Annotated[
            str,
            typer.Argument(
                metavar="ID", help="A correlation, event, registration or delivery; a reference."
            ),
        ],
        *,
        others: From = None,
        as_json: Json = False,
    ) -> None:
        """Show what this service knows of everything that one correlation led to."""
        known = read_parts(others or [])

        async def work(pool: Pool) -> History:
            async with pool.acquire() as conn:
                return await part_of(conn, service, asked, known)

        found = with_pool(service, work)
        everything = merge([*known, found])
        # For others our own part alone: they have the rest already.
        tell(found if as_json else everything, as_json=as_json)
        refuse_nothing(everything, asked)


def read_parts(files: Sequence[str]) -> list[History]:
    """What other services said.

    Raises:
        typer.BadParameter: a file cannot be read, or holds something else.
    """
    parts = []
    for name in files:
        try:
            text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
            # A file may hold the answers of several services, a line each.
            parts += [History.model_validate_json(line) for line in text.splitlines() if line]
        except (OSError, UnicodeDecodeError) as error:
            raise typer.BadParameter(f"cannot read {name}: {error}") from error
        except ValidationError as error:
            raise typer.BadParameter(f"{name} is not what `trace --json` writes") from error
    return parts


def tell(found: History, *, as_json: bool) -> None:
    """Print a history."""
    if as_json:
        say(found.model_dump_json())
    else:
        for line in lines(found):
            say(_text(line))
        for note in found.notes:
            say(f"({note})")


def refuse_nothing(found: History, asked: str) -> None:
    """End the program with 1 when nothing is known."""
    if found.is_empty:
        typer.echo(NothingKnown(asked=asked), err=True)
        raise typer.Exit(REFUSED)


def _text(line: Line) -> str:
    # `echo` takes the colours away where nobody sees them.
    at = typer.style(f"{line.at:%Y-%m-%d %H:%M:%S.%f}"[:-3], dim=True)
    service = typer.style(f"{line.service:<13}", bold=True)
    what = typer.style(line.what, fg="red") if line.trouble else line.what
    return f"{at}  {service}  {what}" + (f"  {typer.style(line.ids, dim=True)}" if line.ids else "")
