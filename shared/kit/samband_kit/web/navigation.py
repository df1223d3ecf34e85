"""Navigation: the menu, the same on every service's pages because all share one address."""

from dataclasses import dataclass

from samband_contracts.values import Role

from samband_kit.web.i18n import N_
from samband_kit.web.sessions import Session


@dataclass(frozen=True)
class Entry:
    """One entry of the menu, for people with one of `roles`; `label` is a msgid."""

    path: str
    label: str
    roles: frozenset[Role]


STAFF = frozenset({Role.STAFF})
BOTH = frozenset({Role.STAFF, Role.COORDINATOR})

MENU = (
    Entry("/handlaggning/anmalningar", N_("Registrations"), STAFF),
    Entry("/handlaggning/utlysningar", N_("Calls"), STAFF),
    Entry("/handlaggning/organisationer", N_("Organisations"), STAFF),
    Entry("/natverk", N_("Networks"), BOTH),
    Entry("/utskick", N_("Mailings"), STAFF),
)


def menu(session: Session | None) -> tuple[Entry, ...]:
    """What this person may open; nothing for people who are not signed in."""
    if session is None:
        return ()
    return tuple(entry for entry in MENU if entry.roles & session.roles)
