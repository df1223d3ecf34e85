"""`parked`: facts that could not be applied, and what is done about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from samband_kit import audit
from samband_kit.consumer import inspection
from samband_kit.consumer.retries import Healed, heal
from samband_kit.errors import Conflict
from samband_kit.operating.execution import (
    REFUSED,
    change,
    say,
    say_json,
    with_pool,
)
from samband_kit.operating.options import DryRun, Json, Operator, Why

if TYPE_CHECKING:
    from samband_kit.consumer.inspection import Skipped
    from samband_kit.database import Connection, Pool
    from samband_kit.reactions import Reaction
    from samband_kit.service import Service

Id = Annotated[int, typer.Argument(metavar="ID", help="The record, as `parked list` shows it.")]


class NotReadHere(Conflict):
    """This service does not react to {topic}."""


def commands(service: Service) -> typer.Typer:
    """The `parked` commands of a service."""
    cli = typer.Typer(help="Facts that could not be applied yet.", no_args_is_help=True)
    example = f"Example: python -m {service.package} parked"

    @cli.command("list", epilog=f"{example} list --topic samband.public.meetings --json")
    def list_(
        *,
        topic: Annotated[str | None, typer.Option(help="Only of this topic.")] = None,
        key: Annotated[str | None, typer.Option(help="Only of this key.")] = None,
        limit: Annotated[int | None, typer.Option(min=1, help="This many at most.")] = None,
        as_json: Json = False,
    ) -> None:
        """List parked records, oldest first."""

        async def work(pool: Pool) -> None:
            async with pool.acquire() as conn:
                async for row in inspection.browse(conn, topic=topic, key=key, limit=limit):
                    if as_json:
                        say_json(dict(row))
                    else:
                        say(_line(row))

        with_pool(service, work)

    @cli.command(epilog=f"{example} show 17")
    def show(parked_id: Id, *, as_json: Json = False) -> None:
        """Show one record with its error and its bytes, which may be personal data."""

        async def work(pool: Pool) -> dict[str, Any]:
            async with pool.acquire() as conn:
                return await inspection.show(conn, parked_id)

        shown = with_pool(service, work)
        if as_json:
            say_json(shown)
            return
        for name, value in shown.items():
            say(f"{name}: {value}")

    @cli.command(epilog=f"{example} retry 17 --dry-run")
    def retry(
        parked_id: Id, *, operator: Operator, dry_run: DryRun = False, as_json: Json = False
    ) -> None:
        """Apply the parked records of this record's key now, in order. Exits with 1 if some stay."""

        async def once(conn: Connection) -> Healed:
            topic, key = await inspection.place(conn, parked_id)
            await audit.record(
                conn,
                operator=operator,
                command="parked retry",
                subject=f"{parked_id} {topic} {key}",
                reason="",
            )
            return await heal(conn, _reaction(service, topic), key)

        healed = with_pool(service, lambda pool: change(pool, once, dry_run=dry_run))
        _tell(healed, dry_run=dry_run, as_json=as_json)
        if healed.kept:
            raise typer.Exit(REFUSED)

    @cli.command(epilog=f'{example} skip 17 --reason "test data of 3 May"')
    def skip(
        parked_id: Id,
        *,
        reason: Why,
        operator: Operator,
        gap: Annotated[
            bool,
            typer.Option("--gap", help="Skip only what is missing before it, then apply it."),
        ] = False,
        dry_run: DryRun = False,
        as_json: Json = False,
    ) -> None:
        """Leave a record out for good; what waits behind it is applied by the running service."""

        async def work(conn: Connection) -> Skipped:
            leave_out = inspection.skip_gap if gap else inspection.skip
            return await leave_out(conn, parked_id, operator=operator, reason=reason)

        skipped = with_pool(service, lambda pool: change(pool, work, dry_run=dry_run))
        if as_json:
            say_json(
                {
                    "topic": skipped.topic,
                    "key": skipped.key,
                    "first": skipped.first,
                    "last": skipped.last,
                    "dry_run": dry_run,
                }
            )
            return
        what = f"{skipped.topic} {skipped.key} {skipped.first} to {skipped.last}"
        say(f"{'Would leave' if dry_run else 'Left'} out: {what}.")

    return cli


def _reaction(service: Service, topic: str) -> Reaction:
    for reaction in service.reactions:
        if reaction.topic.name == topic:
            return reaction
    raise NotReadHere(topic=topic)


def _line(row: Any) -> str:
    again = row["next_attempt_at"]
    when = f"{again:%Y-%m-%d %H:%M:%S} UTC" if again else "when somebody acts"
    return (
        f"{row['parked_id']}  {row['reason']}  {row['topic']}  {row['event_type']}  "
        f"key {row['key']}  sequence {row['sequence']}  "
        f"({row['attempts']} attempts, next {when})"
    )


def _tell(healed: Healed, *, dry_run: bool, as_json: bool) -> None:
    kept = [
        {"sequence": one.arrived.sequence, "reason": one.reason.value, "error": one.error}
        for one in healed.kept
    ]
    if as_json:
        say_json(
            {
                "applied": healed.applied,
                "replaced": healed.replaced,
                "kept": kept,
                "dry_run": dry_run,
            }
        )
        return
    if healed.more:
        say("More are parked behind these; the running service applies them.")
    say(
        f"{'Would be applied' if dry_run else 'Applied'}: {healed.applied}, "
        f"already settled: {healed.replaced}, still parked: {len(kept)}."
    )
    for one in kept[:1]:
        say(f"Sequence {one['sequence']} ({one['reason']}): {one['error']}")
