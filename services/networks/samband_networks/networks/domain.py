"""Network: its states, who may move it, and what each move announces.

    planned --announce--> announced --open--> open --launch--> running
    running --pause--> paused --resume--> running
    running --finish--> closing --close--> closed
    planned, announced, open --cancel--> cancelled

An open network is *full* when it has as many members as places: that follows
from the numbers and is no state of its own. Pure: nothing here reads a clock
or a database.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from samband_contracts.networks import (
    NetworkAnnounced,
    NetworkCancelled,
    NetworkClosed,
    NetworkEvent,
    NetworkFinished,
    NetworkLaunched,
    NetworkOpened,
    NetworkPaused,
    NetworkResumed,
)
from samband_contracts.values import Localised, Role
from samband_kit.errors import Conflict, NotAllowed, NotFound, TransitionRefused


class State(StrEnum):
    """Where a network is in its life."""

    PLANNED = "planned"
    ANNOUNCED = "announced"
    OPEN = "open"
    RUNNING = "running"
    PAUSED = "paused"
    CLOSING = "closing"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Trigger(StrEnum):
    """What moves a network on."""

    ANNOUNCE = "announce"
    OPEN = "open"
    LAUNCH = "launch"
    PAUSE = "pause"
    RESUME = "resume"
    FINISH = "finish"
    CLOSE = "close"
    CANCEL = "cancel"


_NEXT: Mapping[State, Mapping[Trigger, State]] = {
    State.PLANNED: {Trigger.ANNOUNCE: State.ANNOUNCED, Trigger.CANCEL: State.CANCELLED},
    State.ANNOUNCED: {Trigger.OPEN: State.OPEN, Trigger.CANCEL: State.CANCELLED},
    State.OPEN: {Trigger.LAUNCH: State.RUNNING, Trigger.CANCEL: State.CANCELLED},
    State.RUNNING: {Trigger.FINISH: State.CLOSING, Trigger.PAUSE: State.PAUSED},
    State.PAUSED: {Trigger.RESUME: State.RUNNING},
    State.CLOSING: {Trigger.CLOSE: State.CLOSED},
    State.CLOSED: {},
    State.CANCELLED: {},
}

ENDED = frozenset({State.CLOSED, State.CANCELLED})
ADMITS = frozenset({State.PLANNED, State.ANNOUNCED, State.OPEN, State.RUNNING, State.PAUSED})
"""States in which an accepted organisation becomes a member at once."""
MEETS = frozenset({State.ANNOUNCED, State.OPEN, State.RUNNING, State.CLOSING})
"""States in which members can be invited to a meeting."""


class NetworkUnknown(NotFound):
    """There is no such network."""


class NetworkExists(Conflict):
    """There is already a network with this name and round."""


class CallTaken(Conflict):
    """This call already feeds another network."""


class KickoffNotHeld(Conflict):
    """The network starts with its kickoff. Plan it, and come back when it has been held."""


class MeetingsOpen(Conflict):
    """Some meetings are neither held nor cancelled. See to them first."""


class NotYourNetwork(NotAllowed):
    """Only the network's own coordinator and staff can do this."""


@dataclass(frozen=True, slots=True)
class Actor:
    """The signed-in person who gives a command."""

    account_id: UUID
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class Network:
    """One round of a network. `capacity` None means that there is no limit."""

    network_id: UUID
    name: Localised
    round: int
    call_id: UUID | None
    coordinator_id: UUID
    capacity: int | None = None
    state: State = State.PLANNED


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the guards need to know besides the network itself."""

    kickoff_held: bool
    open_meetings: int


Move: TypeAlias = tuple[Network, NetworkEvent]


def allowed(state: State) -> tuple[Trigger, ...]:
    """The triggers that `state` answers to, the usual one first."""
    return tuple(_NEXT[state])


def move(network: Network, trigger: Trigger, circumstances: Circumstances) -> Move:
    """The network after `trigger`, and the one fact that this announces.

    Raises TransitionRefused, naming the allowed triggers, when the state does
    not answer to it; KickoffNotHeld or MeetingsOpen when a guard stops it.
    """
    following = _NEXT[network.state].get(trigger)
    if following is None:
        raise TransitionRefused(trigger, network.state, allowed(network.state))
    if trigger is Trigger.LAUNCH and not circumstances.kickoff_held:
        raise KickoffNotHeld
    if following in ENDED and circumstances.open_meetings:
        raise MeetingsOpen
    return replace(network, state=following), _fact(network, trigger)


def launch(network: Network) -> Move:
    """The network after its kickoff, which has just been held."""
    return move(network, Trigger.LAUNCH, Circumstances(kickoff_held=True, open_meetings=0))


def _fact(network: Network, trigger: Trigger) -> NetworkEvent:
    match trigger:
        case Trigger.ANNOUNCE:
            return NetworkAnnounced(
                network_id=network.network_id,
                name=network.name,
                round=network.round,
                call_id=network.call_id,
            )
        case Trigger.OPEN:
            return NetworkOpened(network_id=network.network_id)
        case Trigger.LAUNCH:
            return NetworkLaunched(network_id=network.network_id)
        case Trigger.PAUSE:
            return NetworkPaused(network_id=network.network_id)
        case Trigger.RESUME:
            return NetworkResumed(network_id=network.network_id)
        case Trigger.FINISH:
            return NetworkFinished(network_id=network.network_id)
        case Trigger.CLOSE:
            return NetworkClosed(network_id=network.network_id)
        case Trigger.CANCEL:
            return NetworkCancelled(network_id=network.network_id)


def is_full(network: Network, members: int) -> bool:
    """True when an open network has no place left."""
    return (
        network.state is State.OPEN and network.capacity is not None and members >= network.capacity
    )


def leads(network: Network, actor: Actor) -> bool:
    """True for those who may change the network: staff and its own coordinator."""
    return Role.STAFF in actor.roles or (
        Role.COORDINATOR in actor.roles and actor.account_id == network.coordinator_id
    )


def check_leads(network: Network, actor: Actor) -> None:
    """Refuse an actor who may not change the network."""
    if not leads(network, actor):
        raise NotYourNetwork
