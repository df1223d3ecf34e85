"""Canaries: a text that stands for personal data, looked for everywhere it must not be."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from samband_kit.database import Pool


async def tables_with(pool: Pool, text: str) -> list[str]:
    """The tables of the service's schema in which any column of any row holds the text.

    Bytes count too; text that is compressed or encrypted would not be found.
    """
    names = await pool.fetch("select tablename from pg_tables where schemaname = current_schema()")
    return sorted(
        [
            row["tablename"]
            for row in names
            if await pool.fetchval(
                # A row as text shows its bytes in hexadecimal.
                f"""
                select exists (
                  select from "{row["tablename"]}" as one
                  where position(lower($1) in lower(one::text)) > 0
                     or position($2 in one::text) > 0)
                """,  # noqa: S608 - the names of our own tables
                text,
                text.encode().hex(),
            )
        ]
    )
