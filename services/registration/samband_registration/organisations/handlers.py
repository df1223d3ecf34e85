"""Commands on organisations."""

from samband_contracts.values import Organisation
from samband_kit import outbox
from samband_kit.database import Connection, Pool, transaction
from samband_kit.errors import FieldErrors
from samband_kit.ids import new_id
from samband_kit.web.i18n import N_

from samband_registration import reference_data
from samband_registration.countries import countries
from samband_registration.organisations import store
from samband_registration.organisations.domain import (
    AddForeignOrganisation,
    add_foreign,
    fold,
)
from samband_registration.registrations.store import themes


async def load_register(pool: Pool) -> int:
    """Bring the register in line with the package's data; how many organisations changed.

    Idempotent, and safe in any number of processes at once: only what differs
    is written and announced. Themes that staff have changed stay as they are.
    """
    wanted = reference_data.organisations()
    async with transaction(pool) as conn:
        await store.lock_register(conn)
        await store.put_counties(conn, reference_data.counties())
        await themes.add(conn, reference_data.themes())
        known = await store.entries(conn, country="SE")
        changed = [
            entry for entry in wanted if known.get(entry.organisation.organisation_id) != entry
        ]
        if changed:
            await store.put_entries(conn, changed)
            await outbox.append(conn, [entry.described() for entry in changed])
    return len(changed)


async def add_foreign_organisation(pool: Pool, command: AddForeignOrganisation) -> Organisation:
    """Add a counterpart abroad.

    Raises:
        OrganisationKnownAlready, OrganisationSimilar: there is one of that name.
        FieldErrors: there is no such country abroad.
    """
    if command.country not in countries("en"):
        raise FieldErrors({"country": N_("Choose a country from the list.")})
    async with transaction(pool) as conn:
        await store.lock_register(conn)
        similar = await store.same_stem(conn, command.name, country=command.country)
        entry, described = add_foreign(command, new_id(), similar)
        await store.put_entries(conn, [entry])
        await outbox.append(conn, [described])
    return entry.organisation


async def find(conn: Connection, typed: str) -> tuple[Organisation | None, list[store.Listed]]:
    """Which Swedish organisation somebody means: the one, or those it may be.

    One is certain when exactly one is called that. "Habo" could also be Håbo
    without its ring, so both are offered; with the ring there is no doubt.
    """
    same = await store.same_name(conn, typed, country="SE")
    if len(same) == 1:
        return same[0], []
    exact = [one for one in same if typed.casefold() in one.name.casefold()]
    if len(exact) == 1 and typed.casefold() != fold(typed):
        return exact[0], []
    return None, await store.search(conn, typed, country="SE")
