"""What this service listens to, and what it does about each fact."""

from samband_contracts import topics
from samband_contracts.calls import CallClosed, CallOpened
from samband_contracts.registrations import (
    RegistrationAccepted,
    RegistrationMerged,
    RegistrationWithdrawn,
)
from samband_kit.accounts import ACCOUNT_REACTION
from samband_kit.reactions import Reaction

from samband_networks.acceptances.handlers import (
    on_registration_accepted,
    on_registration_merged,
    on_registration_withdrawn,
)
from samband_networks.calls.handlers import on_call_closed, on_call_opened

REACTIONS = (
    ACCOUNT_REACTION,
    Reaction(
        topics.CALLS,
        {
            CallOpened: on_call_opened,
            CallClosed: on_call_closed,
        },
    ),
    Reaction(
        topics.REGISTRATIONS,
        {
            RegistrationAccepted: on_registration_accepted,
            RegistrationMerged: on_registration_merged,
            RegistrationWithdrawn: on_registration_withdrawn,
        },
    ),
)
