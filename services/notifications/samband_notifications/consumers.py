"""What this service listens to, and whom it tells what about it."""

from samband_contracts import topics
from samband_contracts.contacts import ContactDescribed, ContactErased
from samband_contracts.meetings import InvitationIssued, InvitationRevised, InvitationWithdrawn
from samband_contracts.memberships import RepresentativesDescribed
from samband_contracts.organisations import OrganisationDescribed
from samband_contracts.registrations import (
    RegistrationAccepted,
    RegistrationDeclined,
    RegistrationFlagged,
    RegistrationMerged,
    RegistrationReceived,
    RegistrationSubmitted,
    RegistrationWithdrawn,
)
from samband_kit.accounts import ACCOUNT_REACTION
from samband_kit.reactions import Reaction

from samband_notifications.audiences.handlers import on_representatives_described
from samband_notifications.notifications.domain import (
    CONFIRM_REGISTRATION,
    INVITATION,
    INVITATION_CANCELLED,
    REGISTRATION_ACCEPTED,
    REGISTRATION_DECLINED,
    REGISTRATION_FLAGGED,
    REGISTRATION_JOINED,
    REGISTRATION_RECEIVED,
    REGISTRATION_WITHDRAWN,
)
from samband_notifications.notifications.handlers import Whom, tell
from samband_notifications.organisations.handlers import on_organisation_described
from samband_notifications.recipients.handlers import on_contact_described, on_contact_erased

REACTIONS = (
    ACCOUNT_REACTION,
    Reaction(topics.ORGANISATION_STATE, {OrganisationDescribed: on_organisation_described}),
    Reaction(
        topics.CONTACT_STATE,
        {
            ContactDescribed: on_contact_described,
            ContactErased: on_contact_erased,
        },
    ),
    Reaction(topics.REPRESENTATIVE_STATE, {RepresentativesDescribed: on_representatives_described}),
    Reaction(
        topics.REGISTRATIONS,
        {
            RegistrationReceived: tell(CONFIRM_REGISTRATION, Whom.SENDER),
            RegistrationFlagged: tell(REGISTRATION_FLAGGED, Whom.SENDER),
            RegistrationSubmitted: tell(REGISTRATION_RECEIVED, Whom.SENDER),
            RegistrationMerged: tell(REGISTRATION_JOINED, Whom.CONTACTS),
            RegistrationAccepted: tell(REGISTRATION_ACCEPTED, Whom.CONTACTS),
            RegistrationDeclined: tell(REGISTRATION_DECLINED, Whom.CONTACTS),
            RegistrationWithdrawn: tell(REGISTRATION_WITHDRAWN, Whom.CONTACTS),
        },
    ),
    Reaction(
        topics.INVITATIONS,
        {
            InvitationIssued: tell(INVITATION, Whom.MEMBERS),
            InvitationRevised: tell(INVITATION, Whom.MEMBERS),
            InvitationWithdrawn: tell(INVITATION_CANCELLED, Whom.THOSE_TOLD),
        },
    ),
)
