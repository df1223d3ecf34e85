"""Adding: SQL that gives a notification its recipients, set-wise and never twice.

Everything here wants the lock of `audiences.store`. A delivery's id follows from
the event that led to it and the recipient, so that the same mail has the same
Message-ID even where a restored database has forgotten that it was sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from samband_kit.database import Connection


async def add_contacts(conn: Connection, wanted: Sequence[tuple[UUID, UUID]]) -> None:
    """Address notifications to contact persons: pairs of notification and contact.

    A delivery to somebody not known yet waits until they are. One to somebody
    erased is due too: the claim skips it and says so.
    """
    await conn.execute(
        """
        insert into deliveries (delivery_id, notification_id, recipient_id, template, due_at)
        select delivery_id_of(notification_id, recipient_id), notification_id, recipient_id,
               notifications.template,
               case when recipients.contact_id is not null then now() end
        from unnest($1::uuid[], $2::uuid[]) as wanted (notification_id, recipient_id)
        join notifications using (notification_id)
        left join recipients on recipients.contact_id = recipient_id
        on conflict (notification_id, recipient_id) do nothing
        """,
        [notification_id for notification_id, _ in wanted],
        [contact_id for _, contact_id in wanted],
    )


async def release_known(conn: Connection, contact_ids: Sequence[UUID]) -> None:
    """Let go the deliveries that waited for these persons to be known."""
    await conn.execute(
        """
        update deliveries set due_at = now()
        where recipient_id = any($1) and state = 'queued' and due_at is null
        """,
        contact_ids,
    )


async def add_members(
    conn: Connection,
    *,
    notification_ids: Sequence[UUID] = (),
    membership_ids: Sequence[UUID] = (),
    contact_ids: Sequence[UUID] = (),
) -> None:
    """Address what networks tell their members to those who act for the members.

    Looks at what the given notifications, memberships or contacts complete.
    Only the newest message about an object, and only while there is a point.
    """
    # Three small joins instead of one with `or`, which could use no index.
    for ids, place in (
        (notification_ids, "notifications.notification_id"),
        (membership_ids, "representatives.membership_id"),
        (contact_ids, "recipients.contact_id"),
    ):
        if ids:
            await conn.execute(_ADD_MEMBERS.replace("-- place", place), ids)


_ADD_MEMBERS = """
insert into deliveries (delivery_id, notification_id, recipient_id, template, due_at)
select distinct on (notifications.notification_id, recipients.contact_id)
  delivery_id_of(notifications.notification_id, recipients.contact_id),
  notifications.notification_id, recipients.contact_id, notifications.template, now()
from notifications
join representatives using (network_id)
join recipients using (contact_id)
where -- place = any($1)
  and recipients.erased_at is null
  and notifications.expires_at > now()
  and not exists (
      select from notifications newer
      where newer.thread = notifications.thread and newer.object_id = notifications.object_id
        and newer.version > notifications.version)
on conflict (notification_id, recipient_id) do nothing
"""


async def add_told(conn: Connection, notification_ids: Sequence[UUID]) -> None:
    """Address notifications to everybody who has, or may have, an earlier one on the object.

    Somebody whose earlier message never left has nothing to be told about,
    unless it went to the same address under another name.
    """
    await conn.execute(
        """
        insert into deliveries (delivery_id, notification_id, recipient_id, template, due_at)
        select delivery_id_of(told.notification_id, told.recipient_id), told.notification_id,
               told.recipient_id, told.template, now()
        from (
            select distinct news.notification_id, earlier_delivery.recipient_id, news.template
            from notifications news
            join notifications earlier
              on earlier.thread = news.thread and earlier.object_id = news.object_id
                 and earlier.version < news.version
            join deliveries earlier_delivery
              on earlier_delivery.notification_id = earlier.notification_id
            where news.notification_id = any($1)
              and (earlier_delivery.state in ('sent', 'delivered', 'held', 'uncertain')
                   or earlier_delivery.reason = 'duplicate'
                   or earlier_delivery.data_started_at is not null
                   or earlier_delivery.doubts > 0)
        ) told
        on conflict (notification_id, recipient_id) do nothing
        """,
        notification_ids,
    )
