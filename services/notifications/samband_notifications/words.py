"""Words: how pages name mails, states and reasons. The values are msgids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from samband_kit.web.i18n import N_

from samband_notifications.deliveries.domain.happenings import Reason
from samband_notifications.deliveries.domain.machine import State

if TYPE_CHECKING:
    from collections.abc import Mapping

MAILS: Mapping[str, str] = {
    "confirm_registration": N_("Confirm the address"),
    "registration_received": N_("Registration received"),
    "registration_flagged": N_("Registered already"),
    "registration_joined": N_("Registration joined another"),
    "registration_accepted": N_("Registration accepted"),
    "registration_declined": N_("Registration declined"),
    "registration_withdrawn": N_("Registration withdrawn"),
    "invitation": N_("Invitation to a meeting"),
    "invitation_cancelled": N_("Meeting cancelled"),
}

STATES: Mapping[State, tuple[str, str]] = {
    State.QUEUED: (N_("queued"), "waiting"),
    State.SENDING: (N_("being sent"), "waiting"),
    State.WAITING: (N_("tried again later"), "waiting"),
    State.UNCERTAIN: (N_("uncertain"), "attention"),
    State.HELD: (N_("held, decide"), "attention"),
    State.SENT: (N_("sent"), "done"),
    State.DELIVERED: (N_("delivered"), "done"),
    State.FAILED: (N_("failed"), "stopped"),
    State.SKIPPED: (N_("not sent"), "neutral"),
}

REASONS: Mapping[Reason, str] = {
    Reason.SUPERSEDED: N_("A newer mail about the same thing replaced it."),
    Reason.DUPLICATE: N_("The same address has this mail already."),
    Reason.TOO_LATE: N_("It would have come too late to be of use."),
    Reason.ERASED: N_("The person has been erased."),
    Reason.NO_LONGER_MEMBER: N_("The organisation is no longer a member of the network."),
    Reason.REFUSED: N_("The mail server refused it for good."),
    Reason.REFUSED_FOR_NOW: N_("The mail server could not take it then."),
    Reason.UNUSABLE_ADDRESS: N_("The address cannot be written to."),
    Reason.UNSAFE_CONTENT: N_("A name or subject held characters that no mail may have."),
    Reason.CANNOT_BE_WRITTEN: N_("The mail could not be written. It is tried again."),
    Reason.CONNECTION_LOST: N_("The connection to the mail server broke before it was sent."),
    Reason.NO_REPLY: N_("The mail server did not answer. It may have arrived."),
    Reason.WORKER_LOST: N_("The program that was sending it stopped."),
    Reason.BY_STAFF: N_("A member of staff decided so."),
}

WAITS_FOR_RECIPIENT = N_("The recipient is not known yet.")
