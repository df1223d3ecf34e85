"""A scene: a running system, somebody's terminal, and what the guides' examples stand for here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
from samband_kit.settings import Settings
from samband_kit.testing import eventually
from samband_local.ports import free_ports

if TYPE_CHECKING:
    from samband_local.stack import Stack

    from tests.operating.terminal import Terminal

ID = "17"
UUID = "019a0f6e-2a44-7c1e-9e0b-6f2d1f0f5c11"
REFERENCE = "482-915-637"


@dataclass
class Scene:
    """A running system, somebody's terminal, and what the guide's examples stand for here."""

    stack: Stack
    terminal: Terminal
    stands_for: dict[str, str] = field(default_factory=dict)
    said: str = ""
    """What the guide's commands have answered so far."""

    def spoken(self, text: str) -> str:
        """The guide's commands with what its examples stand for."""
        for example, value in self.stands_for.items():
            text = text.replace(example, value)
        return text

    def settings(self, service: str) -> Settings:
        """What the kit needs to speak as a service does."""
        return Settings(
            database_url=self.stack.postgres_url(service),
            kafka_servers=self.stack.kafka_servers,
            secret_keys="only-for-tests-only-for-tests-only-for-tests",
        )

    async def ask(self, sql: str, *values: object) -> Any:
        """One value, as the administrator sees it."""
        conn = await asyncpg.connect(self.stack.postgres_url())
        try:
            return await conn.fetchval(sql, *values)
        finally:
            await conn.close()

    async def change(self, sql: str) -> None:
        """Statements of the administrator's."""
        conn = await asyncpg.connect(self.stack.postgres_url())
        try:
            await conn.execute(sql)
        finally:
            await conn.close()

    async def parked(self, key: str, reason: str) -> int:
        """The record of this key that networks has parked, once it has."""

        async def found() -> int | None:
            number: int | None = await self.ask(
                "update networks.parked set next_attempt_at = next_attempt_at + interval '1 hour'"
                " where key = $1 and reason = $2 returning parked_id",
                key,
                reason,
            )
            return number

        number = await eventually(found, 60)
        self.stands_for |= {ID: str(number), UUID: key}
        return int(str(number))

    async def nothing_parked(self, key: str) -> None:
        """Nothing of this key is left to decide about."""
        left = await self.ask(
            "select count(*) from networks.parked where key = $1 and skipped_at is null", key
        )
        assert left == 0

    async def reached(self, key: str) -> int | None:
        """The last event of this key that networks has behind it."""
        found: int | None = await self.ask(
            "select last_sequence from networks.positions where key = $1", key
        )
        return found


@dataclass(frozen=True)
class Forever:
    """Processes of a block, each of which has to become ready and to stop cleanly."""

    scene: Scene

    async def play(self, commands: list[str]) -> None:
        """Start one after the other; each is stopped before the next."""
        for command in commands:
            port, ops = free_ports(2)
            process = self.scene.terminal.begin(
                command, {"SAMBAND_PORT": str(port), "SAMBAND_OPS_PORT": str(ops)}
            )
            try:
                await eventually(lambda ops=ops: ready(ops), 90)  # type: ignore[misc]  # bound now
            finally:
                process.terminate()
                said, _ = await asyncio.to_thread(process.communicate, timeout=60)
            assert process.returncode == 0, f"{command}\n{said}"


async def ready(port: int) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            return (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
        except httpx.TransportError:
            return False
