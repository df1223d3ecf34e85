"""`reconcile`: Kafka's log held against the outbox, and what is missing sent again."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from samband_contracts.topics import ALL

from samband_kit import reconcile
from samband_kit.operating.execution import REFUSED, execute, say, say_json
from samband_kit.operating.options import DryRun, Json, Operator, Why

if TYPE_CHECKING:
    from samband_contracts.topics import Topic

    from samband_kit.reconcile import Comparison
    from samband_kit.service import Service
    from samband_kit.settings import Settings


def add_to(cli: typer.Typer, service: Service) -> None:
    """Add the command of a service to its command line."""
    ours = {topic.name: topic for topic in ALL if topic.owner == service.name}

    @cli.command(
        "reconcile",
        epilog=f"Example: python -m {service.package} reconcile --dry-run"
        ' --reason "Kafka lost a disk"',
    )
    def command(
        *,
        reason: Why,
        operator: Operator,
        topic: Annotated[
            list[str] | None, typer.Option("--topic", help="Only this one; may be given again.")
        ] = None,
        dry_run: DryRun = False,
        as_json: Json = False,
    ) -> None:
        """Have what was published and is not in Kafka's log sent again.

        Ends with 1 if the log holds what the outbox never had.
        """
        wanted = [_own(ours, name) for name in topic] if topic else list(ours.values())

        async def work(settings: Settings) -> list[tuple[Comparison, int]]:
            done = []
            async with reconcile.reconciling(settings) as conn:
                for each in wanted:
                    found = await reconcile.compare(conn, settings, each)
                    again = (
                        0
                        if dry_run
                        else await reconcile.send_again(
                            conn, each, operator=operator, reason=reason
                        )
                    )
                    done.append((found, again))
                    if not as_json:
                        _tell(found, again, dry_run=dry_run)
            return done

        done = execute(service, work)
        if as_json:
            say_json(
                [
                    {**asdict(found), "sent_again": again, "dry_run": dry_run}
                    for found, again in done
                ]
            )
        if any(found.strangers for found, _ in done):
            raise typer.Exit(REFUSED)


def _own(ours: dict[str, Topic], name: str) -> Topic:
    if name not in ours:
        raise typer.BadParameter(f"{name} is none of {', '.join(ours)}", param_hint="--topic")
    return ours[name]


def _tell(found: Comparison, again: int, *, dry_run: bool) -> None:
    if not found.missing:
        fate = "nothing is missing"
    elif dry_run:
        fate = f"{found.missing} are missing and would be sent again"
    else:
        fate = f"{found.missing} were missing, {again} are sent again"
    say(f"{found.topic}: {found.records} in the log, {fate}.")
    if not found.strangers:
        return
    say(
        f"{found.topic}: {found.strangers} in the log were never in this outbox. Was the database "
        "restored from an old copy, or does somebody else write to this topic?"
    )
    for one in found.shown:
        say(
            f"  partition {one.partition} offset {one.offset}: key {one.key} "
            f"sequence {one.sequence} event {one.event_id}"
        )
