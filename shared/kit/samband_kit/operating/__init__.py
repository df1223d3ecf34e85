"""Operator's command line, the same for every service.

`operator_cli(SERVICE)` gives the Typer application that a service's
`__main__.py` runs and may add commands to:

    serve | consume | send | run          start processes
    migrate | topics                      prepare Postgres and Kafka
    outbox status|quarantine|release      facts on their way out
    parked list|show|retry|skip           facts that could not be applied

Exit codes: 0 done, 1 refused or failed, 2 wrong usage or missing
configuration, 70 unhealthy (the supervisor starts us again), 75 Postgres or
Kafka did not answer (try again later). Every command that changes something
has `--dry-run` and leaves a row in `operator_audit`.
"""

import typer

from samband_kit.service import Service


def operator_cli(service: Service) -> typer.Typer:
    """The command line of `service`; its `__main__.py` calls the result."""
    raise NotImplementedError
