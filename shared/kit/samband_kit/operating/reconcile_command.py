"""`reconcile`: Kafka's log held against the outbox, and what is missing sent again."""

from __future__ import annotations

import json
from contextlib import aclosing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer
from samband_contracts.topics import ALL

from samband_kit import reconcile
from samband_kit.operating.execution import REFUSED, execute, say, say_part
from samband_kit.operating.options import DryRun, Json, Operator, Topics, Why, chosen

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from samband_kit.reconcile import Comparison, Stranger
    from samband_kit.service import Service
    from samband_kit.settings import Settings

SHOWN = 20
"""To people; programs get all."""


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
        topic: Topics = None,
        dry_run: DryRun = False,
        as_json: Json = False,
    ) -> None:
        """Have what was published and is not in Kafka's log sent again.

        Ends with 1 if the log holds what the outbox never had.
        """
        wanted = chosen(ours, topic)

        async def work(settings: Settings) -> bool:
            clean = True
            async with reconcile.reconciling(settings) as conn:
                for each in wanted:
                    found = await reconcile.compare(conn, settings, each)
                    again = 0
                    if not dry_run:
                        again = await reconcile.send_again(
                            conn, each, operator=operator, reason=reason
                        )
                    strangers = reconcile.strangers(conn, each)
                    if as_json:
                        say_part("[" if each is wanted[0] else ", ")
                        outcome = {**asdict(found), "sent_again": again, "dry_run": dry_run}
                        await _write(outcome, strangers)
                    else:
                        _tell(found, again, dry_run=dry_run)
                        await _name(found, strangers)
                    clean = clean and not found.strangers
            if as_json:
                say("]")
            return clean

        if not execute(service, work):
            raise typer.Exit(REFUSED)


def _tell(found: Comparison, again: int, *, dry_run: bool) -> None:
    if not found.missing:
        fate = "nothing is missing"
    elif dry_run:
        fate = f"{found.missing} are missing and would be sent again"
    else:
        fate = f"{found.missing} were missing, {again} are sent again"
    say(f"{found.topic}: {found.records} in the log, {fate}.")


async def _name(found: Comparison, strangers: AsyncGenerator[Stranger, None]) -> None:
    if not found.strangers:
        return
    say(
        f"{found.topic}: {found.strangers} in the log were never in this outbox. Was the database "
        "restored from an old copy, or does somebody else write to this topic?"
    )
    shown = 0
    async with aclosing(strangers) as every:
        async for one in every:
            if shown == SHOWN:
                say(f"  These are the first {SHOWN} of {found.strangers}; --json names them all.")
                break
            shown += 1
            say(
                f"  partition {one.partition} offset {one.offset}: key {one.key} "
                f"sequence {one.sequence} event {one.event_id}"
            )


async def _write(outcome: dict[str, Any], strangers: AsyncGenerator[Stranger, None]) -> None:
    """One object, a piece at a time: there may be more strangers than fit into memory."""
    say_part(json.dumps(outcome)[:-1] + ', "named": [')
    between = ""
    async for one in strangers:
        say_part(between + json.dumps(asdict(one), default=str))
        between = ", "
    say_part("]}")
