"""The command line: `samband`.

Exit codes: 0 done, 1 failed, 2 wrong usage, 70 something is not healthy,
75 it may work later (no network, too little memory, already running).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from samband_local import backing
from samband_local.problems import LocalProblem

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


@app.callback()
def samband() -> None:
    """Samband on this machine, without Docker."""


@app.command("backing", hidden=True)
def backing_command(
    run_dir: Annotated[Path, typer.Option(help="Folder for data, logs and stack.json.")],
    *,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay and own both.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="End the one that runs.")] = False,
    owner: Annotated[int | None, typer.Option(help="End when this process ends.")] = None,
) -> None:
    """PostgreSQL and Kafka alone, for tests; prints the path of stack.json."""
    folder = run_dir.absolute()
    if stop:
        backing.stop(folder)
    elif foreground:
        backing.serve(folder, owner=owner)
    else:
        typer.echo(backing.background(folder, owner=owner))


def main() -> None:
    """Run the command line; a problem is one sentence and its exit code."""
    try:
        app()
    except LocalProblem as problem:
        typer.echo(str(problem), err=True)
        sys.exit(problem.exit_code)
