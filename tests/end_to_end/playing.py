"""The story's people, for tests that let something go wrong around them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import httpx
from rich.console import Console
from samband_kit.kafka import Access
from samband_local.stack import Stack
from samband_local.story import officers
from samband_local.story.cast import Officer, cast
from samband_local.story.mail import Inbox
from samband_local.story.patience import until
from samband_local.story.play import HUMAN_SECONDS, Stage, play
from samband_local.story.report import Report
from samband_local.story.teller import Teller
from samband_local.story.visitor import Page, Visitor


async def told(stack: Stack) -> Report:
    """The whole story, played once."""
    return await play(
        Stage(stack.url, stack.mailbox_url, Access(stack.kafka_servers), stack.staff_link()),
        Teller(Console(quiet=True)),
    )


def some_officers(count: int) -> Sequence[Officer]:
    """Officers whose addresses nobody has had before, without a counterpart."""
    return [replace(one, counterpart=None) for one in cast(uuid4().hex[:8]).officers[:count]]


@asynccontextmanager
async def at_the_button(stack: Stack, officer: Officer) -> AsyncIterator[tuple[Visitor, Page]]:
    """The officer has answered everything and is about to send."""
    async with Visitor(stack.url) as visitor:
        start = await visitor.open("/")
        checked = await officers.fill_in(visitor, officer, start.link("Register interest"))
        await asyncio.sleep(HUMAN_SECONDS)
        yield visitor, checked


async def served_again(stack: Stack) -> None:
    """Wait, as people do, until the start page is there instead of an apology."""
    async with httpx.AsyncClient() as client:
        answer = await until(
            lambda: client.get(stack.url), lambda seen: seen.status_code == 200, seconds=60
        )
    assert answer.status_code == 200


async def confirmations(stack: Stack, sender: Officer, *, patience: float = 60) -> int:
    """How many mails asking to confirm have come, when at least one has."""
    async with Inbox(stack.mailbox_url, [sender.email], patience=patience) as inbox:
        await inbox.settle(1, lambda _: None)
        return (await inbox.count())[sender.email, "confirm_registration"]
