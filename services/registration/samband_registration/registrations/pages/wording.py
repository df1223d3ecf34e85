"""How states and steps are called on pages: one table, so that a thing has one name."""

from collections.abc import Mapping
from typing import Final

from samband_kit.web.i18n import N_

from samband_registration.registrations.domain.machine import State

STATES: Final[Mapping[State, tuple[str, str]]] = {
    State.UNVERIFIED: (N_("Waiting for confirmation"), "waiting"),
    State.IN_REVIEW: (N_("Possible duplicate"), "attention"),
    State.SUBMITTED: (N_("Received"), "waiting"),
    State.IN_DIALOGUE: (N_("In dialogue"), "waiting"),
    State.WAITLISTED: (N_("On the waiting list"), "waiting"),
    State.ACCEPTED: (N_("Accepted"), "done"),
    State.DECLINED: (N_("Declined"), "stopped"),
    State.WITHDRAWN: (N_("Withdrawn"), "stopped"),
    State.EXPIRED: (N_("Never confirmed"), "stopped"),
    State.MERGED: (N_("Joined another registration"), "neutral"),
}
"""State to its name and the kind of its tag. Drafts are never stored."""

HAPPENED: Final[Mapping[str, str]] = {
    "submit": N_("The registration was sent"),
    "confirm": N_("The e-mail address was confirmed"),
    "keep_own": N_("You chose to keep your own registration"),
    "ask_to_join": N_("You asked to join the first registration"),
    "keep": N_("ICLD kept the registration as one of its own"),
    "merge": N_("The registration joined another one from the same organisation"),
    "absorb": N_("Another registration from the same organisation joined this one"),
    "open": N_("ICLD began a dialogue with you"),
    "accept": N_("ICLD accepted the registration"),
    "decline": N_("ICLD declined the registration"),
    "withdraw": N_("The registration was withdrawn"),
    "expire": N_("Nobody confirmed the e-mail address in time"),
    "erase": N_("Your data was erased"),
}
"""A line of the history, as its sender reads it."""

DONE: Final[Mapping[str, str]] = {
    "submit": N_("Sent"),
    "confirm": N_("E-mail address confirmed"),
    "keep_own": N_("The sender wants to keep their own registration"),
    "ask_to_join": N_("The sender wants to join the first registration"),
    "keep": N_("Kept as a registration of its own"),
    "merge": N_("Merged into another registration"),
    "absorb": N_("Another registration was merged into this one"),
    "open": N_("Dialogue opened"),
    "accept": N_("Accepted"),
    "decline": N_("Declined"),
    "withdraw": N_("Withdrawn"),
    "expire": N_("Expired without confirmation, personal data erased"),
    "erase": N_("Personal data erased"),
}
"""The same line, as staff read it."""

ACTORS: Final[Mapping[str, str]] = {
    "sender": N_("The sender"),
    "staff": N_("Staff"),
    "system": N_("The system"),
}

NEXT: Final[Mapping[State, str]] = {
    State.UNVERIFIED: N_("Open the mail that we sent you and confirm your e-mail address."),
    State.IN_REVIEW: N_("ICLD looks at both registrations and gets back to you."),
    State.SUBMITTED: N_("ICLD reads your registration and gets back to you."),
    State.IN_DIALOGUE: N_("ICLD talks with you about partner, theme and how to go on."),
    State.WAITLISTED: N_(
        "You are on the waiting list. We write to you as soon as there is a place."
    ),
    State.ACCEPTED: N_(
        "You will be invited to the network's kickoff. You need not do anything now."
    ),
    State.DECLINED: N_("There is no place for you in this call. You are welcome in the next one."),
    State.WITHDRAWN: N_(
        "You have withdrawn your registration. You can register again as long as the call is open."
    ),
    State.EXPIRED: N_(
        "What you wrote has been erased. You can register again as long as the call is open."
    ),
    State.MERGED: N_(
        "You are now contact person for the other registration and get the same mails about it."
    ),
}
"""What happens next, to the sender."""

WISHES_TO_JOIN: Final = N_(
    "You want to join the first registration. ICLD looks at it and gets back to you."
)
"""What happens next where the wish to join is noted and not yet granted."""

JOINED_ENDED: Final[Mapping[State, str]] = {
    State.WITHDRAWN: N_(
        "The registration that you joined was withdrawn. "
        "You can register again as long as the call is open."
    ),
    State.DECLINED: NEXT[State.DECLINED],
}
"""What happens next where the registration that the sender joined has ended."""
