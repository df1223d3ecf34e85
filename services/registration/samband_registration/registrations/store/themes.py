"""Themes: what an interest may be about. A list that staff edit; the package brings the first."""

from collections.abc import Sequence
from dataclasses import dataclass

from samband_contracts.values import Localised
from samband_kit.database import Connection


@dataclass(frozen=True, slots=True)
class Theme:
    """A theme and its names."""

    theme: str
    label: Localised


async def themes(conn: Connection) -> list[Theme]:
    """The themes in the order in which they are offered."""
    rows = await conn.fetch("select theme, label_sv, label_en from themes order by position, theme")
    return [Theme(row["theme"], Localised(sv=row["label_sv"], en=row["label_en"])) for row in rows]


async def add(conn: Connection, first: Sequence[Theme]) -> None:
    """Add themes in this order; one that is there already stays as staff left it."""
    await conn.execute(
        """
        insert into themes (theme, label_sv, label_en, position)
        select * from unnest($1::text[], $2::text[], $3::text[], $4::int[])
        on conflict (theme) do nothing
        """,
        [theme.theme for theme in first],
        [theme.label.sv for theme in first],
        [theme.label.en for theme in first],
        list(range(1, len(first) + 1)),
    )
