"""What a sender does: submit, confirm, join the first one or keep theirs, withdraw.

Each opens one transaction in which state, event and history are written. What
a double click sends twice has one effect and one answer.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from samband_contracts.values import Language, Organisation, Undecided
from samband_kit import outbox
from samband_kit.database import Connection, Pool, transaction
from samband_kit.errors import FieldErrors
from samband_kit.idempotency import once
from samband_kit.ids import new_id
from samband_kit.web.human import Showing, spend_form
from samband_kit.web.i18n import N_

from samband_registration.calls import store as calls
from samband_registration.calls.domain import CallNotOpen, CallUnknown
from samband_registration.clock import now as clock
from samband_registration.contacts import store as contacts
from samband_registration.contacts.domain import Contact
from samband_registration.limits import Terms, spend_mail
from samband_registration.organisations import store as organisations
from samband_registration.registrations.domain.duplicates import first_of_same, joins_at_once
from samband_registration.registrations.domain.machine import (
    UNDECIDED,
    Confirm,
    ConfirmationLate,
    Registration,
    State,
    Submit,
    Withdraw,
    decide,
)
from samband_registration.registrations.domain.reference import POSSIBLE, reference
from samband_registration.registrations.handlers.writing import (
    SENDER,
    apply,
    held,
    held_first,
    held_with_organisation,
    merge,
    record,
)
from samband_registration.registrations.store import rows
from samband_registration.registrations.store.themes import themes

_NOTED: Final[Mapping[rows.Wish, str]] = {"join": "ask_to_join", "keep": "keep_own"}


@dataclass(frozen=True, slots=True)
class Interest:
    """What somebody sends for their organisation."""

    call_id: UUID
    organisation_id: UUID
    name: str
    email: str
    language: Language
    counterpart: UUID | Undecided
    theme: str
    message: str
    time_zone: str = "Europe/Stockholm"


async def submit(
    pool: Pool,
    interest: Interest,
    *,
    key: str,
    human: bool,
    terms: Terms,
    form: Showing | None = None,
) -> UUID:
    """Register the interest, to be confirmed by mail; the registration's id.

    The same `key` again gives the same registration. `form` is the shown form
    that this uses up.

    Raises:
        CallUnknown, CallNotOpen: there is nothing to register for.
        FieldErrors: organisation, counterpart or theme is not in our lists.
        FormSentBefore: the form was used up by another registration.
        AddressNamedTooOften: the address gets no more mails for now.
        KeyReused: the key was used for another interest.
    """
    async with transaction(pool) as conn:
        registration_id = new_id()
        answer = {"registration_id": str(registration_id)}
        known = await once(conn, f"submit:{key}", {"interest": interest}, answer)
        if known is not None:
            return UUID(known["registration_id"])
        at = await clock(conn)
        call = await calls.call(conn, interest.call_id)
        if call is None:
            raise CallUnknown
        if not call.is_open(at):
            raise CallNotOpen
        contact = _contact(interest)
        draft = Registration(
            registration_id=registration_id,
            call_id=call.call_id,
            reference=_reference(),
            organisation=await _sender(conn, interest.organisation_id),
            counterpart=await chosen(conn, interest.counterpart, interest.theme),
            theme=interest.theme,
        )
        command = Submit(contact.contact_id, human=human, time_to_confirm=terms.time_to_confirm)
        sent, received = decide(draft, command, at)
        if form is not None:
            await spend_form(conn, form)
        await spend_mail(conn, terms)
        while not await rows.insert(conn, sent, message=interest.message, now=at):
            sent, received = decide(replace(draft, reference=_reference()), command, at)
        await contacts.put(conn, contact)
        await rows.put_contacts(conn, sent)
        await rows.record(conn, [sent], action="submit", actor=SENDER.role, now=at)
        await outbox.append(conn, [contact.described(), *received])
    return registration_id


async def confirm(pool: Pool, registration_id: UUID) -> Registration:
    """The sender has proven the address. Again: nothing happens, the answer is the same.

    Raises:
        RegistrationUnknown: the link belongs to nothing here.
        ConfirmationLate: the time to confirm is over.
    """
    async with transaction(pool) as conn:
        before = await held_with_organisation(conn, registration_id)
        if before.state is State.EXPIRED:
            raise ConfirmationLate
        if before.state is not State.UNVERIFIED:
            return before
        others = await rows.standing(conn, before.call_id, before.organisation.organisation_id)
        first = first_of_same(before, others)
        command = Confirm(duplicate_of=None if first is None else first.registration_id)
        return await apply(conn, before, command, SENDER)


async def join(pool: Pool, registration_id: UUID) -> Registration:
    """The sender wants to be a part of the first one. Again: nothing happens.

    Who joins acts for the organisation. So it happens at once only as long as
    staff will look at the first one anyway; later the wish is noted, and staff
    decide about it.

    Raises:
        JoinedEnded: the first one has been declined or withdrawn meanwhile.
        TransitionRefused: it is no longer a possible duplicate.
    """
    async with transaction(pool) as conn:
        before = await held_with_organisation(conn, registration_id)
        if before.state is State.MERGED:
            return before
        first = await held_first(conn, before)
        if before.state is not State.IN_REVIEW or joins_at_once(first):
            return await merge(conn, before, first, SENDER)
        await _note(conn, before, "join")
        return before


async def keep_own(pool: Pool, registration_id: UUID) -> Registration:
    """The sender does not join the first one: staff will look at it."""
    async with transaction(pool) as conn:
        before = await held(conn, registration_id)
        if before.state is State.IN_REVIEW:
            await _note(conn, before, "keep")
        return before


async def withdraw(pool: Pool, registration_id: UUID) -> Registration:
    """The sender takes the registration back. Again: nothing happens."""
    async with transaction(pool) as conn:
        before = await held(conn, registration_id)
        if before.state is State.WITHDRAWN:
            return before
        return await apply(conn, before, Withdraw(), SENDER)


async def chosen(
    conn: Connection, counterpart_id: UUID | Undecided, theme: str
) -> Organisation | Undecided:
    """The counterpart that was chosen, if both it and the theme are in our lists.

    Raises:
        FieldErrors: one of them is not.
    """
    counterpart = (
        UNDECIDED
        if counterpart_id == UNDECIDED
        else await organisations.organisation(conn, counterpart_id)
    )
    wrong = {}
    if counterpart is None or (counterpart != UNDECIDED and counterpart.country == "SE"):
        wrong["counterpart"] = N_("Choose a partner from the list.")
    if theme != UNDECIDED and theme not in {one.theme for one in await themes(conn)}:
        wrong["theme"] = N_("Choose a theme from the list.")
    if wrong or counterpart is None:
        raise FieldErrors(wrong)
    return counterpart


async def _note(conn: Connection, duplicate: Registration, wish: rows.Wish) -> None:
    if await rows.wish(conn, duplicate.registration_id) == wish:
        return
    await rows.put_wish(conn, duplicate.registration_id, wish, await clock(conn))
    await record(conn, duplicate, _NOTED[wish], SENDER)


def _reference() -> str:
    return reference(secrets.randbelow(POSSIBLE))


async def _sender(conn: Connection, organisation_id: UUID) -> Organisation:
    organisation = await organisations.organisation(conn, organisation_id)
    if organisation is None or organisation.country != "SE":
        raise FieldErrors({"organisation": N_("Choose an organisation from the list.")})
    return organisation


def _contact(interest: Interest) -> Contact:
    return Contact(
        contact_id=new_id(),
        organisation_id=interest.organisation_id,
        name=interest.name,
        email=interest.email,
        language=interest.language,
        time_zone=interest.time_zone,
    )
