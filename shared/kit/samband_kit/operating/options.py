"""Options: those that mean the same in every command."""

from collections.abc import Mapping, Sequence
from typing import Annotated, TypeAlias, TypeVar

import typer

from samband_kit.operating.execution import current_operator


def _said(reason: str) -> str:
    if not reason.strip():
        raise typer.BadParameter("say why")
    return reason.strip()


T = TypeVar("T")


def chosen(known: Mapping[str, T], names: Sequence[str] | None) -> list[T]:
    """What the names of `--topic` stand for; everything when there are none.

    Raises:
        typer.BadParameter: one is not known; says which are.
    """
    for name in names or ():
        if name not in known:
            raise typer.BadParameter(f"{name} is none of {', '.join(known)}", param_hint="--topic")
    return [known[name] for name in names or known]


Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
DryRun: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", help="Say what would happen, change nothing.")
]
Why: TypeAlias = Annotated[
    str, typer.Option("--reason", help="Why, for the audit.", callback=_said)
]
Operator: TypeAlias = Annotated[
    str,
    typer.Option(
        default_factory=current_operator, envvar="SAMBAND_OPERATOR", help="Who, for the audit."
    ),
]
Topics: TypeAlias = Annotated[
    list[str] | None, typer.Option("--topic", help="Only this one; may be given again.")
]
