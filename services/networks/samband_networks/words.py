"""Words: how pages name states, steps and kinds. The values are msgids."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from samband_contracts.values import MeetingForm, MeetingKind
from samband_kit.errors import TransitionRefused
from samband_kit.web.i18n import N_, _

from samband_networks.meetings import domain as meetings
from samband_networks.memberships import domain as memberships
from samband_networks.networks.domain import State, Trigger
from samband_networks.tasks.domain import TaskKind


@dataclass(frozen=True, slots=True)
class Step:
    """A way to move a network: the button, what comes of it, its place in the address."""

    text: str
    about: tuple[str, ...]
    path: str
    kind: str = "primary"


NETWORK_STATES: Mapping[State, tuple[str, str]] = {
    State.PLANNED: (N_("planned"), "waiting"),
    State.ANNOUNCED: (N_("announced"), "neutral"),
    State.OPEN: (N_("open"), "done"),
    State.RUNNING: (N_("running"), "done"),
    State.PAUSED: (N_("paused"), "waiting"),
    State.CLOSING: (N_("closing"), "neutral"),
    State.CLOSED: (N_("closed"), "stopped"),
    State.CANCELLED: (N_("cancelled"), "stopped"),
}

STEPS: Mapping[Trigger, Step] = {
    Trigger.ANNOUNCE: Step(
        N_("Announce the network"),
        (
            N_("The network's name, its round and its call become public."),
            N_("You can invite its members to meetings."),
        ),
        "offentliggor",
    ),
    Trigger.OPEN: Step(
        N_("Open the network"),
        (
            N_("Everybody can see that the network takes members."),
            N_("Organisations that are accepted in the call go on becoming members."),
        ),
        "oppna",
    ),
    Trigger.LAUNCH: Step(
        N_("Start the network"),
        (
            N_("The kickoff is recorded as held."),
            N_("Everybody can see that the network is running."),
        ),
        "starta",
    ),
    Trigger.PAUSE: Step(
        N_("Pause the network"),
        (
            N_("No new meetings are published during the pause."),
            N_("Meetings that are already published stay, and so do all members."),
        ),
        "pausa",
        "secondary",
    ),
    Trigger.RESUME: Step(
        N_("Resume the network"), (N_("Everybody can see that the network goes on."),), "ateruppta"
    ),
    Trigger.FINISH: Step(
        N_("Begin to close the network"),
        (
            N_("The network takes no more members."),
            N_("Meetings can be held until the network is closed."),
        ),
        "borja-avsluta",
        "secondary",
    ),
    Trigger.CLOSE: Step(
        N_("Close the network"),
        (
            N_("All memberships end."),
            N_("A closed network cannot be opened again."),
        ),
        "avsluta",
    ),
    Trigger.CANCEL: Step(
        N_("Cancel the network"),
        (
            N_("All memberships end."),
            N_("Those accepted in the call wait for another network that the call feeds."),
            N_("A cancelled network cannot be opened again."),
        ),
        "stall-in",
        "danger",
    ),
}

MEETING_STATES: Mapping[meetings.State, tuple[str, str]] = {
    meetings.State.DRAFT: (N_("draft"), "waiting"),
    meetings.State.SCHEDULED: (N_("scheduled"), "done"),
    meetings.State.HELD: (N_("held"), "neutral"),
    meetings.State.CANCELLED: (N_("cancelled"), "stopped"),
}

MEETING_KINDS: Mapping[MeetingKind, str] = {
    MeetingKind.KICKOFF: N_("Kickoff"),
    MeetingKind.NETWORK_MEETING: N_("Network meeting"),
    MeetingKind.TRAINING: N_("Training"),
}

MEETING_FORMS: Mapping[MeetingForm, str] = {
    MeetingForm.DIGITAL: N_("Digital"),
    MeetingForm.PHYSICAL: N_("On site"),
    MeetingForm.HYBRID: N_("On site and digital"),
}

MEETING_TRIGGERS: Mapping[str, str] = {
    meetings.Trigger.EDIT: N_("Change the draft"),
    meetings.Trigger.PUBLISH: N_("Publish"),
    meetings.Trigger.RESCHEDULE: N_("Change the time or the link"),
    meetings.Trigger.HOLD: N_("Record that the meeting was held"),
    meetings.Trigger.CANCEL: N_("Cancel the meeting"),
}

TASKS: Mapping[TaskKind, tuple[str, str]] = {
    TaskKind.ACCEPTED_AFTER_END: (
        N_("{organisation} was accepted, but this network takes no more members."),
        N_("Agree with them on another network, or tell them how it stands."),
    ),
    TaskKind.ACCEPTED_AFTER_LEAVING: (
        N_("{organisation} was accepted again after having left the network."),
        N_("Ask them whether they want to come back."),
    ),
    TaskKind.OVER_CAPACITY: (
        N_("{organisation} became a member though every place was taken."),
        N_("Check that there is room for them."),
    ),
    TaskKind.WITHDRAWN: (
        N_("{organisation} has withdrawn a registration that was accepted."),
        N_("If they no longer want to take part, end their membership."),
    ),
}

MEMBER_STATES: Mapping[memberships.State, tuple[str, str]] = {
    memberships.State.ACTIVE: (N_("member"), "done"),
    memberships.State.LEFT: (N_("left"), "stopped"),
    memberships.State.COMPLETED: (N_("completed"), "neutral"),
}


@contextmanager
def network_words() -> Iterator[None]:
    """A refused step of a network is named as people read it."""
    with _in_words(
        {trigger: step.text for trigger, step in STEPS.items()},
        {state: word for state, (word, _kind) in NETWORK_STATES.items()},
    ):
        yield


@contextmanager
def meeting_words() -> Iterator[None]:
    """A refused change of a meeting is named as people read it."""
    with _in_words(
        MEETING_TRIGGERS,
        {state: word for state, (word, _kind) in MEETING_STATES.items()},
    ):
        yield


@contextmanager
def member_words() -> Iterator[None]:
    """A refused departure is named as people read it."""
    with _in_words(
        {"leave": N_("End the membership")},
        {state: word for state, (word, _kind) in MEMBER_STATES.items()},
    ):
        yield


@contextmanager
def _in_words(triggers: Mapping[str, str], states: Mapping[str, str]) -> Iterator[None]:
    try:
        yield
    except TransitionRefused as refused:
        allowed = str(refused.facts["allowed"]).split(", ")
        raise TransitionRefused(
            _(triggers[str(refused.facts["trigger"])]),
            _(states[str(refused.facts["state"])]),
            [_(triggers[trigger]) for trigger in allowed if trigger in triggers],
        ) from refused
