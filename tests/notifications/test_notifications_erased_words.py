"""What servers said about persons who are erased, written down by several at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from samband_kit.database import transaction
from samband_kit.ids import new_id
from samband_kit.testing import eventually
from samband_notifications.deliveries.domain.happenings import Reason, Refused
from samband_notifications.deliveries.domain.machine import happen
from samband_notifications.deliveries.store import rows

from tests.notifications.post_office import a_contact, erased, post_office, received

if TYPE_CHECKING:
    from uuid import UUID

    from samband_kit.testing import Backing

    from tests.notifications.post_office import PostOffice


async def refused(office: PostOffice, delivery_id: UUID) -> None:
    """Write down that the server refused this mail for ever, with its words."""
    async with transaction(office.pool) as conn:
        row = await conn.fetchrow(
            f"select {rows.COLUMNS} from deliveries where delivery_id = $1",
            delivery_id,
        )
        then, _ = happen(rows.read(row), Refused(Reason.REFUSED))
        await rows.save(conn, [rows.Change(then, detail="550 no Kim Lind here")])


async def test_two_who_write_about_a_person_just_erased_do_not_wait_for_each_other(
    backing: Backing,
) -> None:
    contact = a_contact()
    async with post_office(backing) as office:
        await office.hear(contact, *(received(contact.contact_id) for _ in range(2)))
        on_the_wire = await office.pool.fetch(
            "update deliveries set state = 'sending', lease_token = $1, due_at = null,"
            " data_started_at = now(), lease_until = now() + interval '1 hour'"
            " returning delivery_id",
            new_id(),
        )
        # Both have to wait for the erasure, and go on at the same moment.
        async with transaction(office.pool) as conn:
            await office.hear_on(conn, erased(contact))
            writing = [
                asyncio.create_task(refused(office, row["delivery_id"])) for row in on_the_wire
            ]

            async def both_wait() -> bool:
                waiting = (
                    "select count(*) from pg_stat_activity"
                    " where wait_event_type = 'Lock' and datname = current_database()"
                )
                return int(await office.pool.fetchval(waiting)) == len(writing)

            await eventually(both_wait)
        await asyncio.gather(*writing)

        assert set((await office.states()).values()) == {"failed: refused"}
        said = "select count(detail) from deliveries union all select count(detail) from delivery_steps"
        assert [row[0] for row in await office.pool.fetch(said)] == [0, 0]
