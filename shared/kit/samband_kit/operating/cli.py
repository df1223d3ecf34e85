"""The command line's root: processes, and what is prepared before them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from samband_contracts.topics import ALL

from samband_kit import migrations, topics
from samband_kit.access_rules import SUBSCRIBER, ensure_access
from samband_kit.operating import (
    outbox_commands,
    parked_commands,
    reconcile_command,
    reread_command,
    trace_command,
)
from samband_kit.operating.execution import (
    REFUSED,
    execute,
    execute_on_kafka,
    read_settings,
    say,
    say_json,
)
from samband_kit.operating.options import DryRun, Json
from samband_kit.service import Kind
from samband_kit.supervisor.http_server import PortTaken
from samband_kit.supervisor.process import run_process

if TYPE_CHECKING:
    from collections.abc import Iterable

    from samband_kit.service import Service
    from samband_kit.settings import KafkaSettings, Settings

_EXIT_CODES = (
    "Exit codes: 0 done; 1 refused or failed; 2 wrong usage or configuration; "
    "70 unhealthy, start again; 75 Postgres or Kafka did not answer, try again later."
)

_KINDS = {
    Kind.SERVE: "Run the pages and the API. Needs Postgres; Kafka may be down.",
    Kind.CONSUME: "Run the consumers, the retries of parked records, the outbox relay and jobs.",
    Kind.SEND: "Run what talks to the outside.",
}


def operator_cli(service: Service) -> typer.Typer:
    """The command line of `service`; its `__main__.py` calls the result."""
    cli = typer.Typer(
        name=service.name,
        help=f"Operate the {service.name} service.",
        epilog=_EXIT_CODES,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    for kind in Kind:
        if kind in service.kinds:
            _add_process(cli, service, kind.value, [kind], _KINDS[kind])
    _add_process(
        cli, service, "run", service.kinds, "Run everything this service has in one process."
    )

    @cli.command(epilog=f"Example: python -m {service.package} migrate")
    def migrate(*, dry_run: DryRun = False, as_json: Json = False) -> None:
        """Bring the service's schema up to date. Any number may run at once."""

        async def work(settings: Settings) -> list[str]:
            prepare = migrations.plan if dry_run else migrations.migrate
            return await prepare(settings, service.package)

        applied = execute(service, work)
        if as_json:
            say_json({"would_apply" if dry_run else "applied": applied})
            return
        word = "Would apply" if dry_run else "Applied"
        say("\n".join(f"{word} {name}." for name in applied) or "The schema is up to date.")

    @cli.command("topics", epilog=f"Example: python -m {service.package} topics")
    def create_topics(
        *,
        every: Annotated[
            bool, typer.Option("--all", help="Those of all services, not only our own.")
        ] = False,
        dry_run: DryRun = False,
        as_json: Json = False,
    ) -> None:
        """Create the service's topics, or extend empty ones. Never shrinks or deletes one."""
        wanted = [topic for topic in ALL if every or topic.owner == service.name]

        async def work(settings: KafkaSettings) -> list[str]:
            return await topics.ensure_topics(settings, wanted, dry_run=dry_run)

        done = execute_on_kafka(service, work)
        _say_changes(done, "All topics are as they should be.", dry_run=dry_run, as_json=as_json)

    @cli.command(epilog=f"Example: python -m {service.package} access --subscriber statistics")
    def access(
        *,
        subscriber: Annotated[
            list[str],
            typer.Option(
                default_factory=lambda: [SUBSCRIBER],
                show_default=SUBSCRIBER,
                metavar="NAME",
                help="What a subscriber is called in Kafka; may be repeated.",
            ),
        ],
        withdraw: Annotated[
            list[str],
            typer.Option(
                default_factory=list,
                show_default=False,
                metavar="NAME",
                help="A subscriber that leaves: what it may do is taken away; may be repeated.",
            ),
        ],
        dry_run: DryRun = False,
        as_json: Json = False,
    ) -> None:
        """Let every service and subscriber do in Kafka what the contracts say, and no more."""

        async def work(settings: KafkaSettings) -> list[str]:
            return await ensure_access(
                settings, subscribers=subscriber, withdrawn=withdraw, dry_run=dry_run
            )

        done = execute_on_kafka(service, work)
        _say_changes(done, "All rules are as they should be.", dry_run=dry_run, as_json=as_json)

    trace_command.add_to(cli, service)
    reconcile_command.add_to(cli, service)
    reread_command.add_to(cli, service)
    cli.add_typer(outbox_commands.commands(service), name="outbox")
    cli.add_typer(parked_commands.commands(service), name="parked")
    return cli


def _say_changes(done: list[str], nothing: str, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        say_json({"would_change" if dry_run else "changes": done})
    else:
        say("\n".join(done) or nothing)


def _add_process(
    cli: typer.Typer, service: Service, name: str, kinds: Iterable[Kind], text: str
) -> None:
    @cli.command(name, help=text, epilog=f"Example: python -m {service.package} {name}")
    def start() -> None:
        settings = read_settings(service)
        try:
            code = run_process(service, settings, kinds)
        except PortTaken as error:
            typer.echo(str(error), err=True)
            code = REFUSED
        raise typer.Exit(code)
