"""Audit: what operators did by hand is written down with their name and reason."""

from samband_kit.database import Connection


async def record(
    conn: Connection, *, operator: str, command: str, subject: str, reason: str
) -> None:
    """Note a manual command, in the transaction that carries it out."""
    await conn.execute(
        "insert into operator_audit (operator, command, subject, reason) values ($1, $2, $3, $4)",
        operator,
        command,
        subject,
        reason,
    )
