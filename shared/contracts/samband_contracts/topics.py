"""Every topic: what is said where, by whom, and who may read it.

The one table from which topics are created, access rules are generated and
consumers find their way. Visibility comes first in a name, so that one prefix
rule lets other systems read everything public and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, get_args

from samband_contracts.accounts import AccountDescribed
from samband_contracts.calls import CallEvent
from samband_contracts.contacts import ContactEvent
from samband_contracts.deliveries import DeliverySettled
from samband_contracts.meetings import InvitationEvent, MeetingEvent
from samband_contracts.memberships import MembershipEvent, RepresentativesDescribed
from samband_contracts.networks import NetworkEvent
from samband_contracts.organisations import OrganisationDescribed
from samband_contracts.registrations import RegistrationEvent

if TYPE_CHECKING:
    from samband_contracts.event import Event


class Visibility(StrEnum):
    """Who may read a topic."""

    PUBLIC = "public"
    INTERNAL = "internal"


class Cleanup(StrEnum):
    """`KEEP`: every event for ever. `COMPACT`: the newest per key (state)."""

    KEEP = "keep"
    COMPACT = "compact"


@dataclass(frozen=True, slots=True)
class Topic:
    """A Kafka topic and its contract."""

    name: str
    owner: str
    """The service that alone writes it."""
    key: str
    """What the record's key is."""
    cleanup: Cleanup
    events: tuple[type[Event], ...]
    readers: tuple[str, ...] = ()
    """The services that react to it; what is public, other systems may read too."""
    partitions: int = 12
    max_compaction_lag_hours: int | None = None
    """For personal data: how long a replaced record may stay readable at most."""
    _by_type: dict[str, type[Event]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_type", {event.TYPE: event for event in self.events})

    def event(self, event_type: str) -> type[Event] | None:
        """The class of an event type on this topic, None if it is not known."""
        return self._by_type.get(event_type)

    @property
    def visibility(self) -> Visibility:
        """Read off the name, where access rules read it too."""
        return Visibility(self.name.split(".")[1])

    @property
    def source(self) -> str:
        """The CloudEvents `source` of everything on this topic."""
        return f"urn:samband:{self.owner}"

    @property
    def is_state(self) -> bool:
        """True where a higher sequence simply replaces a lower one."""
        return self.cleanup is Cleanup.COMPACT


ORGANISATION_STATE = Topic(
    "samband.public.organisation-state",
    owner="registration",
    key="organisation_id",
    cleanup=Cleanup.COMPACT,
    events=(OrganisationDescribed,),
    readers=("notifications",),
)
CALLS = Topic(
    "samband.public.calls",
    owner="registration",
    key="call_id",
    cleanup=Cleanup.KEEP,
    events=get_args(CallEvent),
    readers=("networks",),
)
REGISTRATIONS = Topic(
    "samband.internal.registrations",
    owner="registration",
    key="registration_id",
    cleanup=Cleanup.KEEP,
    events=get_args(RegistrationEvent),
    readers=("networks", "notifications"),
)
CONTACT_STATE = Topic(
    "samband.internal.contact-state",
    owner="registration",
    key="contact_id",
    cleanup=Cleanup.COMPACT,
    events=get_args(ContactEvent),
    readers=("notifications",),
    max_compaction_lag_hours=1,
)
ACCOUNT_STATE = Topic(
    "samband.internal.account-state",
    owner="registration",
    key="account_id",
    cleanup=Cleanup.COMPACT,
    events=(AccountDescribed,),
    readers=("networks", "notifications"),
)
NETWORKS = Topic(
    "samband.public.networks",
    owner="networks",
    key="network_id",
    cleanup=Cleanup.KEEP,
    events=get_args(NetworkEvent),
)
MEMBERSHIPS = Topic(
    "samband.public.memberships",
    owner="networks",
    key="membership_id",
    cleanup=Cleanup.KEEP,
    events=get_args(MembershipEvent),
)
REPRESENTATIVE_STATE = Topic(
    "samband.internal.representative-state",
    owner="networks",
    key="membership_id",
    cleanup=Cleanup.COMPACT,
    events=(RepresentativesDescribed,),
    readers=("notifications",),
)
MEETINGS = Topic(
    "samband.public.meetings",
    owner="networks",
    key="meeting_id",
    cleanup=Cleanup.KEEP,
    events=get_args(MeetingEvent),
)
INVITATIONS = Topic(
    "samband.internal.invitations",
    owner="networks",
    key="meeting_id",
    cleanup=Cleanup.KEEP,
    events=get_args(InvitationEvent),
    readers=("notifications",),
)
DELIVERIES = Topic(
    "samband.internal.deliveries",
    owner="notifications",
    key="delivery_id",
    cleanup=Cleanup.KEEP,
    events=(DeliverySettled,),
)

ALL = (
    ORGANISATION_STATE,
    CALLS,
    REGISTRATIONS,
    CONTACT_STATE,
    ACCOUNT_STATE,
    NETWORKS,
    MEMBERSHIPS,
    REPRESENTATIVE_STATE,
    MEETINGS,
    INVITATIONS,
    DELIVERIES,
)

_TOPIC_OF: dict[type[Event], Topic] = {event: topic for topic in ALL for event in topic.events}
BY_NAME: dict[str, Topic] = {topic.name: topic for topic in ALL}


def topic_of(event_type: type[Event]) -> Topic:
    """The topic on which events of this class are published; KeyError if none."""
    return _TOPIC_OF[event_type]
