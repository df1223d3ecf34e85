"""The story's people read their mail, through Mailpit's API, which our own mailbox speaks too."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from samband_local.story.patience import until
from samband_local.story.report import Mails

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType


class NoSuchMail(Exception):
    """A mail did not come in time; the message says which."""


@dataclass(frozen=True)
class Letter:
    """A mail as its reader sees it."""

    id: str
    template: str
    subject: str
    text: str

    def link(self, path: str) -> str:
        """The first address in the text that leads to `path`."""
        found = re.search(rf"https?://\S*{re.escape(path)}/[^\s>]+", self.text)
        if found is None:
            raise NoSuchMail(f"“{self.subject}” has no link to {path}.")
        return found.group()


class Inbox:
    """The mailbox that everything is delivered to."""

    def __init__(self, url: str, addresses: Sequence[str], *, patience: float = 60) -> None:
        """`addresses` are those of this run; `patience` in seconds per mail."""
        self._client = httpx.AsyncClient(base_url=url, timeout=30)
        self._addresses = addresses
        self._patience = patience

    async def __aenter__(self) -> Inbox:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def wait_for(self, address: str, template: str) -> Letter:
        """The first mail of this kind to this address, when it has come.

        Raises:
            NoSuchMail: it did not come within the inbox's patience.
        """
        found = await until(lambda: self._find(address, template), bool, seconds=self._patience)
        if found is None:
            raise NoSuchMail(f"{address} got no {template} mail in {self._patience:.0f} s.")
        return found

    async def count(self) -> Mails:
        """What each address of this run has got, by kind."""
        letters: Counter[tuple[str, str]] = Counter()
        for address in self._addresses:
            for mail in await self._mails(address):
                letters[address, (await self._open(mail)).template] += 1
        return letters

    async def settle(self, expected: int, told: Callable[[int], None]) -> None:
        """Wait until `expected` mails have come, then a moment for any too many."""

        async def come() -> int:
            found = sum([len(await self._mails(address)) for address in self._addresses])
            told(found)
            return found

        await until(come, lambda found: found >= expected, seconds=self._patience)
        await asyncio.sleep(1)

    async def _find(self, address: str, template: str) -> Letter | None:
        letters = [await self._open(mail) for mail in await self._mails(address)]
        return next((letter for letter in letters if letter.template == template), None)

    async def _mails(self, to: str) -> list[Mapping[str, Any]]:
        found = await self._get("search", query=f'to:"{to}"', limit=1000)
        messages: list[Mapping[str, Any]] = found["messages"]
        return messages

    async def _open(self, mail: Mapping[str, Any]) -> Letter:
        message = await self._get(f"message/{mail['ID']}")
        headers = await self._get(f"message/{mail['ID']}/headers")
        list_id = next(iter(headers.get("List-Id", ())), "")
        return Letter(mail["ID"], _template(list_id), message["Subject"], message["Text"])

    async def _get(self, path: str, **parameters: str | int) -> Mapping[str, Any]:
        answer = await self._client.get(f"/api/v1/{path}", params=parameters)
        answer.raise_for_status()
        found: Mapping[str, Any] = answer.json()
        return found


def _template(list_id: str) -> str:
    """The kind of mail that a List-Id names: `<registration-received.house.example>`."""
    return list_id.strip("<>").partition(".")[0].replace("-", "_")
