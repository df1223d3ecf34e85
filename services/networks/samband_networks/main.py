"""Composition: the one place where this service is put together."""

from fastapi import FastAPI
from samband_kit.service import Runtime, Service
from samband_kit.settings import Settings
from samband_kit.web.app import web_app

from samband_networks.consumers import REACTIONS
from samband_networks.meetings import api as meetings_api
from samband_networks.meetings import pages as meeting_pages
from samband_networks.memberships import api as memberships_api
from samband_networks.memberships import pages as membership_pages
from samband_networks.networks import api as networks_api
from samband_networks.networks import pages as network_pages
from samband_networks.tasks import api as tasks_api
from samband_networks.tasks import pages as task_pages


def _web(runtime: Runtime) -> FastAPI:
    return web_app(
        runtime,
        routers=[
            network_pages.router,
            membership_pages.router,
            task_pages.router,
            meeting_pages.router,
            memberships_api.router,
            tasks_api.router,
            meetings_api.router,
            # Last: its steps share their place in the address with the parts above.
            networks_api.router,
        ],
        templates=("samband_networks",),
        title="Samband",
    )


SERVICE = Service(
    name="networks",
    package="samband_networks",
    settings=Settings,
    reactions=REACTIONS,
    web=_web,
)
