"""The command line: `samband`.

Exit codes: 0 done, 1 failed, 2 wrong usage, 70 something is not healthy,
75 it may work later (no network, too little memory, already running).
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from samband_local import backing, launcher, report
from samband_local.place import Place, nearest
from samband_local.problems import LocalProblem
from samband_local.story.command import EPILOG as STORY_EPILOG
from samband_local.story.command import story

EPILOG = "Exit codes: 0 done · 1 failed · 2 wrong usage · 70 not healthy · 75 try again later."

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="SAMBAND_DATA",
        help="Folder that everything is kept in.  [default: the nearest .samband]",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of sentences.")]
Port = typer.Option(min=1, max=65535)


@app.callback(epilog=EPILOG)
def samband() -> None:
    """Samband on this machine, without Docker."""


@app.command(
    epilog="Examples:  samband up  ·  samband up --detach --port 8080  ·  samband up --fresh\n\n"
    + EPILOG
)
def up(
    data: Data = None,
    *,
    fresh: Annotated[bool, typer.Option("--fresh", help="Throw away what was kept.")] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return when it runs; stop it with `samband down`.")
    ] = False,
    port: Annotated[int | None, Port] = None,
    mailbox_port: Annotated[int | None, Port] = None,
    json: AsJson = False,
) -> None:
    """Start everything; stop it with Ctrl-C.

    Without --port the address of the last run is used again, or a free one.
    """
    asked = {"gateway": port, "mailbox": mailbox_port}
    wish = launcher.Wish(
        place=_place(data),
        fresh=fresh,
        ports={name: number for name, number in asked.items() if number is not None},
        as_json=json,
    )
    if detach:
        launcher.detach(wish)
    else:
        launcher.stay(wish)


@app.command(epilog="Example:  samband down\n\n" + EPILOG)
def down(data: Data = None) -> None:
    """Stop what `samband up` started; also what a killed one left behind."""
    stopped = launcher.stop(_place(data))
    typer.echo("Samband has stopped." if stopped else "Samband was not running.")


@app.command(epilog="Examples:  samband status  ·  samband status --json\n\n" + EPILOG)
def status(data: Data = None, *, json: AsJson = False) -> None:
    """Show addresses, programs and their memory. Ends with 70 unless all is well."""
    healthy = report.status(_place(data), as_json=json)
    sys.exit(0 if healthy else 70)


@app.command(
    epilog="Examples:  samband logs registration  ·  samband logs kafka --follow\n\n" + EPILOG
)
def logs(
    service: Annotated[str, typer.Argument(help="Name as in `samband status`, or `launcher`.")],
    data: Data = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many at first.")] = 100,
) -> None:
    """Show what a program has written."""
    place = _place(data)
    names = sorted(path.stem for path in place.logs.glob("*.log"))
    if service not in names:
        known = ", ".join(names) or "none, Samband has not been started here"
        raise typer.BadParameter(f"there is no log of “{service}”; there are: {known}")
    report.show_log(place.log(service), lines=lines, follow=follow)


@app.command(epilog="Examples:  samband reset  ·  samband reset --yes\n\n" + EPILOG)
def reset(
    data: Data = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete everything that is kept: registrations, mails, passwords, logs."""
    place = _place(data)
    place.check_ours()
    if not yes:
        if not sys.stdin.isatty():
            raise typer.BadParameter("nobody can be asked here: add --yes")
        typer.confirm(f"Delete everything that Samband keeps in {place.root}?", abort=True)
    with place.owned():
        place.remove()
    typer.echo(f"Everything that Samband kept in {place.root} is deleted.")


@app.command("sign-in-link", epilog="Example:  samband sign-in-link\n\n" + EPILOG)
def sign_in_link(data: Data = None) -> None:
    """Make a fresh link that signs staff in once."""
    typer.echo(report.sign_in_link(_place(data)))


@app.command(
    epilog="Examples:  samband trace 482-915-637  ·  samband trace --from a.json --from b.json ID\n\n"
    + EPILOG
)
def trace(
    asked: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="A correlation, event, registration or delivery; a reference."
        ),
    ],
    data: Data = None,
    *,
    others: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="What a service's `trace --json` said, instead of asking the running system; "
            "- is standard input. May be given again.",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Show everything that one person's action led to, in the order of time."""
    # Takes half a second to load, which every other command would have to wait for.
    from samband_local.asking import trace

    trace(_place(data), asked, others or [], as_json=json)


app.command(epilog=STORY_EPILOG)(story)


@app.command("backing", hidden=True)
def backing_command(
    run_dir: Annotated[Path, typer.Option(help="Folder for data, logs and stack.json.")],
    *,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay and own both.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="End the one that runs.")] = False,
    owner: Annotated[int | None, typer.Option(help="End when this process ends.")] = None,
    durable: Annotated[
        bool, typer.Option("--durable", help="PostgreSQL writes through to the disk.")
    ] = False,
) -> None:
    """PostgreSQL and Kafka alone, for tests; prints the path of stack.json."""
    folder = run_dir.absolute()
    if stop:
        backing.stop(folder)
    elif foreground:
        backing.serve(folder, owner=owner, durable=durable)
    else:
        typer.echo(backing.background(folder, owner=owner, durable=durable))


def _place(data: Path | None) -> Place:
    return Place((data or nearest(Path.cwd())).absolute())


def main() -> None:
    """Run the command line; a problem is one sentence and its exit code."""
    # What was started is stopped on the way out, however we are asked to end.
    before = {each: signal.signal(each, _end) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        app()
    except LocalProblem as problem:
        typer.echo(str(problem), err=True)
        sys.exit(problem.exit_code)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)
