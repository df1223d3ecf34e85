"""Notifications: from a fact to what is said about it, and to whom.

`tell` makes the handler for one line of the table in `consumers.py`. Whatever
order facts arrive in, every delivery exists when the last piece is there: a
person not known yet is waited for, and members, persons and invitations each
complete what the others began.
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, Any
from uuid import UUID

from samband_contracts.meetings import InvitationIssued, InvitationRevised, InvitationWithdrawn
from samband_contracts.registrations import (
    RegistrationAccepted,
    RegistrationDeclined,
    RegistrationFlagged,
    RegistrationMerged,
    RegistrationReceived,
    RegistrationSubmitted,
    RegistrationWithdrawn,
)
from samband_contracts.values import Organisation
from samband_kit import outbox
from samband_kit.failpoints import Failpoint, reach
from samband_kit.ids import derived_id

from samband_notifications.audiences import store as audiences
from samband_notifications.deliveries.domain.happenings import Reason, Skip
from samband_notifications.deliveries.domain.machine import happen
from samband_notifications.deliveries.store import adding, rows
from samband_notifications.mails.facts import MeetingFacts, RegistrationFacts
from samband_notifications.notifications import store
from samband_notifications.notifications.store import Notification

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from samband_contracts.event import CloudEvent
    from samband_kit.database import Connection
    from samband_kit.reactions import Handler

    from samband_notifications.notifications.domain import Template

    Said: TypeAlias = (
        RegistrationReceived
        | RegistrationFlagged
        | RegistrationSubmitted
        | RegistrationMerged
        | RegistrationAccepted
        | RegistrationDeclined
        | RegistrationWithdrawn
    )
    Invited: TypeAlias = InvitationIssued | InvitationRevised | InvitationWithdrawn

STALE_AFTER = timedelta(days=30)
"""News about a registration is worth sending for so long, should the mail server be away."""


class Whom(Enum):
    """Who gets a message."""

    SENDER = auto()
    """The contact person who sent the registration."""
    CONTACTS = auto()
    """Every contact person of the registration."""
    MEMBERS = auto()
    """Every contact person of every member of the network, also those who join later."""
    THOSE_TOLD = auto()
    """Everybody who has, or may have, an earlier message of the same thread."""


def tell(template: Template, whom: Whom) -> Handler:
    """The handler that tells `whom` about each fact by `template`."""

    async def handle(conn: Connection, events: Sequence[CloudEvent[Any]]) -> None:
        await audiences.lock(conn)
        notifications = await _notifications(conn, template, events, whom)
        await store.insert(conn, notifications)
        # First what is overtaken, so that whoever was not told yet stays untold.
        await _skip_overtaken(conn, notifications)
        await _address(conn, notifications, whom)
        await reach(Failpoint.DELIVERIES_ADDED)

    return handle


async def _address(conn: Connection, notifications: list[Notification], whom: Whom) -> None:
    ids = [one.notification_id for one in notifications]
    match whom:
        case Whom.SENDER | Whom.CONTACTS:
            wanted = [
                (one.notification_id, contact_id)
                for one in notifications
                for contact_id in _named(one.cause.data)
            ]
            await adding.add_contacts(conn, wanted)
        case Whom.MEMBERS:
            await adding.add_members(conn, notification_ids=ids)
        case Whom.THOSE_TOLD:
            await adding.add_told(conn, ids)


async def _skip_overtaken(conn: Connection, notifications: list[Notification]) -> None:
    ids = [one.notification_id for one in notifications]
    overtaken = await rows.lock_superseded(conn, ids)
    causes = {one.notification_id: one.cause for one in notifications}
    happened = [
        (happen(delivery, Skip(Reason.SUPERSEDED)), causes[newer]) for delivery, newer in overtaken
    ]
    await rows.save(conn, [rows.Change(delivery) for (delivery, _), _ in happened])
    settled = [(fact, cause) for (_, facts), cause in happened for fact in facts]
    await outbox.append(conn, [fact for fact, _ in settled], causes=[cause for _, cause in settled])


async def _notifications(
    conn: Connection, template: Template, events: Sequence[CloudEvent[Any]], whom: Whom
) -> list[Notification]:
    if whom in (Whom.MEMBERS, Whom.THOSE_TOLD):
        return [_about_meeting(template, event, whom) for event in events]
    known = await store.references(conn, [event.data.registration_id for event in events])
    return [_about_registration(template, event, known) for event in events]


def _about_registration(
    template: Template, event: CloudEvent[Said], references: dict[UUID, str]
) -> Notification:
    said = event.data
    counterpart: str | None = None
    undecided = False
    reference = references.get(said.registration_id)
    expires_at = None
    match said:
        case RegistrationReceived():
            reference, expires_at = said.reference, said.expires_at
        case RegistrationSubmitted():
            reference, undecided = said.reference, said.counterpart_id == "undecided"
        case RegistrationAccepted(counterpart=Organisation(name=name)):
            counterpart = name
        case RegistrationAccepted():
            undecided = True
        case (
            RegistrationFlagged()
            | RegistrationMerged()
            | RegistrationDeclined()
            | RegistrationWithdrawn()
        ):
            pass
    return Notification(
        notification_id=derived_id(event.id, template.name),
        template=template,
        object_id=said.registration_id,
        version=event.sequence,
        facts=RegistrationFacts(
            registration_id=said.registration_id,
            reference=reference,
            counterpart=counterpart,
            counterpart_undecided=undecided,
            expires_at=expires_at,
        ),
        expires_at=expires_at or event.time + STALE_AFTER,
        cause=event,
    )


def _about_meeting(template: Template, event: CloudEvent[Invited], whom: Whom) -> Notification:
    said = event.data
    return Notification(
        notification_id=derived_id(event.id, template.name),
        template=template,
        object_id=said.meeting_id,
        version=event.sequence,
        facts=MeetingFacts(
            meeting_id=said.meeting_id,
            network_name=said.network_name,
            kind=said.kind,
            title=said.title,
            agenda=said.agenda,
            starts_at=said.starts_at,
            ends_at=said.ends_at,
            zone=said.zone,
            form=said.form,
            digital_link=said.digital_link,
            revision=said.revision,
            told_at=event.time,
        ),
        expires_at=said.ends_at,
        cause=event,
        network_id=said.network_id if whom is Whom.MEMBERS else None,
    )


def _named(said: Said) -> tuple[UUID, ...]:
    match said:
        case RegistrationReceived() | RegistrationFlagged() | RegistrationSubmitted():
            return (said.contact_id,)
        case (
            RegistrationMerged()
            | RegistrationAccepted()
            | RegistrationDeclined()
            | RegistrationWithdrawn()
        ):
            return said.contact_ids
