"""`reread`: the service's consumers begin at the beginning of their topics again.

For a database that was restored to an earlier moment and has forgotten what it
had read since. What it remembers is a duplicate, and nothing happens twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from samband_kit import audit, database, kafka, topics
from samband_kit.errors import Conflict
from samband_kit.operating.execution import execute, say, say_json
from samband_kit.operating.options import DryRun, Json, Operator, Topics, Why, chosen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_contracts.topics import Topic

    from samband_kit.service import Service
    from samband_kit.settings import Settings


class StillConsuming(Conflict):
    """A `consume` process still reads {topic}. Stop all of this service, wait a minute, try again."""


def add_to(cli: typer.Typer, service: Service) -> None:
    """Add the command of a service to its command line."""
    heard = {reaction.topic.name: reaction.topic for reaction in service.reactions}

    @cli.command(
        "reread",
        epilog=f"Example: python -m {service.package} reread"
        ' --reason "restored from the copy of 3 May" --dry-run',
    )
    def command(
        *,
        reason: Why,
        operator: Operator,
        topic: Topics = None,
        dry_run: DryRun = False,
        as_json: Json = False,
    ) -> None:
        """Let the stopped consumers read their topics from the beginning when they start again.

        What is applied already is skipped as a duplicate.
        """
        wanted = chosen(heard, topic)

        async def work(settings: Settings) -> dict[str, int]:
            return await _set_back(
                settings, service, wanted, operator=operator, reason=reason, dry_run=dry_run
            )

        done = execute(service, work)
        if as_json:
            say_json([{"topic": name, "read": done[name], "dry_run": dry_run} for name in done])
            return
        would = "would be" if dry_run else "are"
        for name, read in done.items():
            say(f"{name}: {read} records {would} read again.")
        if not done:
            say("This service reads nothing.")


async def _set_back(
    settings: Settings,
    service: Service,
    wanted: Sequence[Topic],
    *,
    operator: str,
    reason: str,
    dry_run: bool,
) -> dict[str, int]:
    done: dict[str, int] = {}
    conn = await database.connect(settings)
    try:
        for topic in wanted:
            group = topics.group(settings.kafka_prefix, service.name, topic)
            physical = topics.physical(settings.kafka_prefix, topic)
            # Written down first: what Kafka has done cannot be taken back.
            async with conn.transaction():
                if not dry_run:
                    await audit.record(
                        conn, operator=operator, command="reread", subject=topic.name, reason=reason
                    )
                try:
                    done[topic.name] = await kafka.begin_anew(
                        settings.kafka, group, physical, dry_run=dry_run
                    )
                except kafka.GroupAtWork as error:
                    raise StillConsuming(topic=topic.name) from error
    finally:
        await conn.close()
    return done
