"""Operator's command line, the same for every service.

`operator_cli(SERVICE)` gives the Typer application that a service's
`__main__.py` runs and may add commands to:

    serve | consume | send | run          start processes
    migrate | topics | access             prepare Postgres and Kafka
    trace ID                              what one correlation led to
    reconcile                             Kafka's log against the outbox
    reread                                the topics from their beginning
    outbox status|quarantine|release      facts on their way out
    parked list|show|retry|skip           facts that could not be applied

Every command that changes facts has `--dry-run` and leaves a row in
`operator_audit`. Exit codes stand in `samband_kit.operating.execution`.
"""

from samband_kit.operating.cli import operator_cli

__all__ = ["operator_cli"]
