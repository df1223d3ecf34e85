"""Who may change the mailbox: its own page, and programs; no page of some other origin."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import HTTPException, Request


def only_from_here(request: Request) -> None:
    """Refuse what a page of some other origin sends."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, "Only this mailbox's own page may do that.")
