"""Membership: one organisation in one network.

    (accepted) --join--> active --leave--> left
    active --network ends--> completed (closed), left (cancelled)

An organisation is a member of a network once, whatever number of its
registrations are accepted. An acceptance that the network cannot follow is
never refused: it becomes a task for the coordinator. Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal
from uuid import UUID

from samband_contracts.memberships import (
    MembershipJoined,
    MembershipLeft,
    RepresentativesDescribed,
)
from samband_contracts.values import Organisation
from samband_kit.errors import NotFound, TransitionRefused

from samband_networks.acceptances.domain import Acceptance
from samband_networks.networks.domain import ADMITS, Network
from samband_networks.networks.domain import State as NetworkState
from samband_networks.tasks.domain import Task, TaskKind


class State(StrEnum):
    """Whether an organisation takes part."""

    ACTIVE = "active"
    LEFT = "left"
    COMPLETED = "completed"


class MembershipUnknown(NotFound):
    """There is no such member in this network."""


@dataclass(frozen=True, slots=True)
class Membership:
    """One organisation in one network."""

    membership_id: UUID
    network_id: UUID
    organisation_id: UUID
    state: State = State.ACTIVE


@dataclass(frozen=True, slots=True)
class Joined:
    """A membership that an acceptance gave, and the fact to announce."""

    membership: Membership
    event: MembershipJoined
    registration_id: UUID


@dataclass(frozen=True, slots=True)
class Admission:
    """What a set of acceptances leads to in one network."""

    joined: tuple[Joined, ...]
    tasks: tuple[Task, ...]
    followed: tuple[UUID, ...]
    """Registrations that the network has taken up; the others go on waiting."""


def admit(
    network: Network,
    members: Mapping[UUID, State],
    acceptances: Sequence[Acceptance],
    new_id: Callable[[], UUID],
) -> Admission:
    """Decide what `acceptances` lead to in `network`, whose members are given.

    `members` maps organisation ids to the state of their membership. The
    order of `acceptances` does not change who is a member afterwards.
    """
    known = dict(members)
    joined: list[Joined] = []
    tasks: list[Task] = []
    followed: list[UUID] = []

    def raise_task(kind: TaskKind, party: Organisation, acceptance: Acceptance) -> None:
        tasks.append(
            Task(
                task_id=new_id(),
                network_id=network.network_id,
                kind=kind,
                organisation_id=party.organisation_id,
                registration_id=acceptance.registration_id,
            )
        )

    for acceptance in acceptances:
        if network.state not in ADMITS:
            raise_task(TaskKind.ACCEPTED_AFTER_END, acceptance.organisation, acceptance)
            continue
        followed.append(acceptance.registration_id)
        for party in acceptance.parties:
            match known.get(party.organisation_id):
                case State.ACTIVE:
                    continue
                case State.LEFT | State.COMPLETED:
                    raise_task(TaskKind.ACCEPTED_AFTER_LEAVING, party, acceptance)
                    continue
                case None:
                    pass
            joined.append(_join(network, party, acceptance, new_id()))
            known[party.organisation_id] = State.ACTIVE
            active = sum(state is State.ACTIVE for state in known.values())
            if network.capacity is not None and active > network.capacity:
                raise_task(TaskKind.OVER_CAPACITY, party, acceptance)
    return Admission(tuple(joined), tuple(tasks), tuple(followed))


def _join(
    network: Network, party: Organisation, acceptance: Acceptance, membership_id: UUID
) -> Joined:
    membership = Membership(membership_id, network.network_id, party.organisation_id)
    event = MembershipJoined(
        membership_id=membership_id, network_id=network.network_id, organisation=party
    )
    return Joined(membership, event, acceptance.registration_id)


def leave(membership: Membership) -> tuple[Membership, MembershipLeft]:
    """The organisation leaves the network while it goes on."""
    return _end(membership, "leave", State.LEFT)


def end_with(
    membership: Membership, network: Literal[NetworkState.CLOSED, NetworkState.CANCELLED]
) -> tuple[Membership, MembershipLeft]:
    """The network is over: completed when it closed, left when it was cancelled."""
    state = State.COMPLETED if network is NetworkState.CLOSED else State.LEFT
    return _end(membership, "end", state)


def _end(membership: Membership, trigger: str, state: State) -> tuple[Membership, MembershipLeft]:
    if membership.state is not State.ACTIVE:
        raise TransitionRefused(trigger, membership.state, ())
    event = MembershipLeft(
        membership_id=membership.membership_id,
        network_id=membership.network_id,
        organisation_id=membership.organisation_id,
    )
    return replace(membership, state=state), event


def represented(membership: Membership, contact_ids: Sequence[UUID]) -> RepresentativesDescribed:
    """Who acts for the member now: these persons while it is active, and then nobody."""
    return RepresentativesDescribed(
        membership_id=membership.membership_id,
        network_id=membership.network_id,
        organisation_id=membership.organisation_id,
        contact_ids=tuple(contact_ids) if membership.state is State.ACTIVE else (),
    )
