"""Desk: where deliveries become finished mails, each text written once.

A mould is kept for as long as its notification is being sent, so a meeting
with a thousand guests is rendered a handful of times.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from samband_kit.web.links import Links

from samband_notifications.mails.compose import House, Person, fill, mould, personal_link
from samband_notifications.mails.headers import mailbox
from samband_notifications.mails.letters import Letters
from samband_notifications.notifications import store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from samband_kit.database import Connection

    from samband_notifications.deliveries.store.leases import Due
    from samband_notifications.mails.facts import Facts
    from samband_notifications.mails.mould import Mould
    from samband_notifications.notifications.store import Content
    from samband_notifications.settings import NotificationsSettings

_MOST_KEPT = 500

_Key: TypeAlias = "tuple[UUID, str, str, bool]"


@dataclass(frozen=True, slots=True)
class _Kept:
    mail: Mould
    facts: Facts


@dataclass(frozen=True, slots=True)
class Written:
    """A mail ready to be sent."""

    address: str
    message: bytes


class Desk:
    """Writes the mails of one sender."""

    def __init__(self, settings: NotificationsSettings) -> None:
        name, address = settings.sender
        self._house = House(name, address, settings.public_url)
        self._letters = Letters()
        self._links = Links(settings)
        self._contents: dict[UUID, Content] = {}
        self._moulds: dict[_Key, _Kept] = {}

    async def contents(
        self, conn: Connection, notification_ids: Iterable[UUID]
    ) -> dict[UUID, Content]:
        """What these notifications say."""
        wanted = set(notification_ids)
        missing = [one for one in wanted if one not in self._contents]
        if missing:
            self._contents.update(await store.contents(conn, missing))
        found = {one: self._contents[one] for one in wanted}
        _shorten(self._contents)
        return found

    def write(self, due: Due, content: Content) -> Written:
        """The mail of a delivery.

        Raises:
            UnsafeHeader, UnusableAddress: it must not or cannot be sent.
        """
        person = Person(due.name, due.email, due.language, due.time_zone, due.organisation)
        address = mailbox(person.email)
        template = content.template
        kept = self._kept(due.delivery.notification_id, content, person)
        now = datetime.now(UTC)
        message = fill(
            kept.mail,
            self._house,
            person,
            address=address,
            delivery_id=due.delivery.delivery_id,
            now=now,
            named=template.names_recipient,
            link=personal_link(self._house, self._links, template, kept.facts, now),
        )
        return Written(address, message)

    def _kept(self, notification_id: UUID, content: Content, person: Person) -> _Kept:
        key = (notification_id, person.language, person.time_zone, person.organisation is not None)
        kept = self._moulds.get(key)
        if kept is None:
            facts = content.facts()
            mail = mould(self._letters, self._house, content.template, facts, person)
            kept = self._moulds[key] = _Kept(mail, facts)
            _shorten(self._moulds)
        return kept


def _shorten(kept: dict[Any, Any]) -> None:
    """Forget the oldest entries of a dictionary that has grown too large."""
    while len(kept) > _MOST_KEPT:
        del kept[next(iter(kept))]
