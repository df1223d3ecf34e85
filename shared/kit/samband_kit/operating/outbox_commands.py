"""`outbox`: facts on their way to Kafka, and the keys that Kafka refused."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from samband_kit import blocked
from samband_kit.operating.execution import change, say, say_json, with_pool
from samband_kit.operating.options import DryRun, Json, Operator, Why

if TYPE_CHECKING:
    from samband_kit.database import Connection, Pool
    from samband_kit.service import Service

Key = Annotated[str, typer.Argument(help="The blocked key, as `outbox status` shows it.")]
Topic = Annotated[str, typer.Argument(help="The topic, as `outbox status` shows it.")]


def commands(service: Service) -> typer.Typer:
    """The `outbox` commands of a service."""
    cli = typer.Typer(help="Facts on their way to Kafka.", no_args_is_help=True)

    @cli.command(epilog=f"Example: python -m {service.package} outbox status --json")
    def status(*, as_json: Json = False) -> None:
        """Show what waits to be published, and which keys Kafka refused."""

        async def work(pool: Pool) -> blocked.OutboxStatus:
            async with pool.acquire() as conn:
                return await blocked.status(conn)

        found = with_pool(service, work)
        if as_json:
            say_json(asdict(found) | {"oldest_age": found.oldest_age.total_seconds()})
            return
        say(f"{found.waiting} waiting, the oldest for {found.oldest_age}.")
        for key in found.blocked:
            say(
                f"Blocked since {key.blocked_at:%Y-%m-%d %H:%M:%S} UTC: {key.topic} {key.key} "
                f"at sequence {key.sequence}, {key.waiting} waiting: {key.reason}"
            )

    @cli.command(
        epilog=f"Example: python -m {service.package} outbox release samband.public.networks KEY"
        ' --reason "the limit of the topic was raised"'
    )
    def release(
        topic: Topic,
        key: Key,
        *,
        reason: Why,
        operator: Operator,
        dry_run: DryRun = False,
    ) -> None:
        """Let the relay try a blocked key again."""

        async def work(conn: Connection) -> None:
            await blocked.release(conn, topic, key, operator=operator, reason=reason)

        with_pool(service, lambda pool: change(pool, work, dry_run=dry_run))
        say(f"{_would(dry_run)}{topic} {key} is tried again.")

    @cli.command(
        epilog=f"Example: python -m {service.package} outbox quarantine samband.public.networks KEY"
        ' --reason "written by a faulty version, 2026-04"'
    )
    def quarantine(
        topic: Topic,
        key: Key,
        *,
        reason: Why,
        operator: Operator,
        dry_run: DryRun = False,
    ) -> None:
        """Set the record that Kafka refuses aside for ever; the rest of its key goes on.

        Consumers will miss its number: they park what follows until their
        operators skip the gap.
        """

        async def work(conn: Connection) -> int:
            return await blocked.quarantine(conn, topic, key, operator=operator, reason=reason)

        sequence = with_pool(service, lambda pool: change(pool, work, dry_run=dry_run))
        say(f"{_would(dry_run)}{topic} {key} goes on without sequence {sequence}.")

    return cli


def _would(dry_run: bool) -> str:  # noqa: FBT001 - said once, next to its option
    return "Nothing was changed. Without --dry-run: " if dry_run else ""
