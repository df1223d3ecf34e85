"""How the launcher starts the mailbox."""

from __future__ import annotations

import sys
from functools import partial

from samband_local import pids
from samband_local.place import Place
from samband_local.programs import Command, answers
from samband_local.services import Addresses, plain_environment


def process(place: Place, addresses: Addresses) -> Command:
    """The mailbox as a program to keep running."""
    return Command(
        title="The mailbox",
        arguments=[
            *(sys.executable, "-m", "samband_local.mails"),
            *("--folder", str(place.mailbox)),
            *("--smtp-port", str(addresses.smtp), "--http-port", str(addresses.mailbox)),
        ],
        environment={**plain_environment(), "PYTHONUNBUFFERED": "1", **pids.mark(place.root)},
        folder=place.mailbox,
        log=place.log("mailbox"),
        is_ready=partial(answers, f"{addresses.mailbox_url}/mailbox.css"),
    )
