"""Notifications: every kind of message that exists, and how it behaves.

What a mail says is in `mails/templates/<name>.<language>.txt`; which fact
leads to it is in `consumers.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Policy(StrEnum):
    """What a template wants when nobody knows whether its message arrived."""

    RESEND = "resend"
    HOLD = "hold"


class Thread(StrEnum):
    """What overtakes what: of one thread about one object only the newest mail is worth sending."""

    RECEIPT = "receipt"
    DECISION = "decision"
    MEETING = "meeting"


class Method(StrEnum):
    """What the calendar part of a mail asks the reader's calendar to do."""

    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


@dataclass(frozen=True)
class PersonalLink:
    """A link that only the recipient gets: page and purpose of the token in it."""

    path: str
    purpose: str
    lifetime: timedelta


CONFIRMATION = PersonalLink("/bekrafta/", "confirm", timedelta(hours=72))
STATUS_PAGE = PersonalLink("/min-anmalan/", "registration", timedelta(days=180))


@dataclass(frozen=True)
class Template:
    """One kind of mail.

    `policy` weighs a message that comes twice against one that never comes.
    `names_recipient` is false where the address is not confirmed yet: such a
    mail repeats nothing that somebody typed.
    """

    name: str
    thread: Thread
    policy: Policy
    link: PersonalLink | None = None
    method: Method | None = None
    names_recipient: bool = True


CONFIRM_REGISTRATION = Template(
    "confirm_registration", Thread.RECEIPT, Policy.RESEND, CONFIRMATION, names_recipient=False
)
REGISTRATION_RECEIVED = Template(
    "registration_received", Thread.RECEIPT, Policy.RESEND, STATUS_PAGE
)
REGISTRATION_FLAGGED = Template("registration_flagged", Thread.RECEIPT, Policy.RESEND, STATUS_PAGE)
REGISTRATION_JOINED = Template("registration_joined", Thread.RECEIPT, Policy.RESEND, STATUS_PAGE)
REGISTRATION_ACCEPTED = Template(
    "registration_accepted", Thread.DECISION, Policy.RESEND, STATUS_PAGE
)
# A no that comes twice hurts more than one that a person looks into.
REGISTRATION_DECLINED = Template("registration_declined", Thread.DECISION, Policy.HOLD, STATUS_PAGE)
# Whoever joined it has not withdrawn anything: its page speaks to the one who did.
REGISTRATION_WITHDRAWN = Template("registration_withdrawn", Thread.DECISION, Policy.RESEND)
INVITATION = Template("invitation", Thread.MEETING, Policy.RESEND, method=Method.REQUEST)
INVITATION_CANCELLED = Template(
    "invitation_cancelled", Thread.MEETING, Policy.RESEND, method=Method.CANCEL
)

TEMPLATES: dict[str, Template] = {
    template.name: template
    for template in (
        CONFIRM_REGISTRATION,
        REGISTRATION_RECEIVED,
        REGISTRATION_FLAGGED,
        REGISTRATION_JOINED,
        REGISTRATION_ACCEPTED,
        REGISTRATION_DECLINED,
        REGISTRATION_WITHDRAWN,
        INVITATION,
        INVITATION_CANCELLED,
    )
}
