"""The mailbox as JSON, in the words of Mailpit's API, so that who reads one reads the other.

Only what the story and tests ask for: searching by recipient and subject, one
mail, its headers, and deleting all. Here `to:` is the whole address
of somebody who really got the mail, which Mailpit looks for in the header.
"""

from __future__ import annotations

import shlex
from email.utils import getaddresses
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response

from samband_local.mails.origins import only_from_here
from samband_local.mails.store import (
    Mail,
    Mailbox,
    Part,
    attachments,
    body,
    headers_of,
    parts_of,
)

_TERMS = ("to", "subject")

Search = Annotated[str, Query(max_length=600, description='`to:"address" subject:"a part"`')]
Start = Annotated[int, Query(ge=0)]
Limit = Annotated[int, Query(ge=1, le=1000)]


def router(mailbox: Mailbox) -> APIRouter:
    """The API of one mailbox."""
    routes = APIRouter(prefix="/api/v1")

    @routes.get("/search")
    async def search(query: Search, start: Start = 0, limit: Limit = 50) -> dict[str, Any]:
        return _listed(mailbox, _terms(query), start, limit)

    @routes.get("/messages")
    async def list_messages(start: Start = 0, limit: Limit = 50) -> dict[str, Any]:
        return _listed(mailbox, {}, start, limit)

    @routes.delete("/messages")
    async def clear(request: Request) -> Response:
        only_from_here(request)
        mailbox.clear()
        return Response("ok", media_type="text/plain")

    @routes.get("/message/{mail_id}")
    async def show(mail_id: str) -> dict[str, Any]:
        parts = parts_of(mailbox.raw(mail_id))
        mail = mailbox.get(mail_id)
        return {
            **_summary(mail),
            "ReturnPath": mail.sender,
            "Date": mail.received_at,
            "Text": body(parts, "text/plain") or "",
            "HTML": body(parts, "text/html") or "",
            "Attachments": [_attachment(part) for part in attachments(parts)],
        }

    @routes.get("/message/{mail_id}/headers")
    async def show_headers(mail_id: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, value in headers_of(mailbox.raw(mail_id)):
            found.setdefault(name.title(), []).append(value)
        return found

    return routes


def _terms(query: str) -> dict[str, str]:
    try:
        found = [word.partition(":") for word in shlex.split(query)]
    except ValueError as error:
        raise HTTPException(400, f"The query cannot be read: {error}.") from error
    if any(term not in _TERMS for term, _, _ in found):
        raise HTTPException(400, "This mailbox searches by to: and subject: alone.")
    return {term: value for term, _, value in found}


def _listed(mailbox: Mailbox, terms: dict[str, str], start: int, limit: int) -> dict[str, Any]:
    found = mailbox.find(limit=len(mailbox), **terms)
    return {
        "total": len(mailbox),
        "messages_count": len(found),
        "start": start,
        "messages": [_summary(mail) for mail in found[start : start + limit]],
    }


def _summary(mail: Mail) -> dict[str, Any]:
    to = _people(mail.header_to)
    named = {person["Address"].casefold() for person in to}
    hidden = [address for address in mail.recipients if address.casefold() not in named]
    return {
        "ID": mail.id,
        "MessageID": mail.message_id.strip("<>"),
        "From": next(iter(_people(mail.header_from)), {"Name": "", "Address": mail.sender}),
        "To": to,
        "Bcc": [{"Name": "", "Address": address} for address in hidden],
        "Subject": mail.subject,
        "Created": mail.received_at,
        "Size": mail.size,
    }


def _people(header: str) -> list[dict[str, str]]:
    return [{"Name": name, "Address": address} for name, address in getaddresses([header])]


def _attachment(part: Part) -> dict[str, Any]:
    return {
        "PartID": str(part.number),
        "FileName": part.name,
        "ContentType": part.content_type,
        "ContentID": part.content_id or "",
        "Size": len(part.content),
    }
