"""Composition of the notifications service: the only place where it is put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from samband_kit.service import Runtime, Service
from samband_kit.web.app import web_app

from samband_notifications.consumers import REACTIONS
from samband_notifications.deliveries import api as deliveries_api
from samband_notifications.deliveries import pages as delivery_pages
from samband_notifications.deliveries.store import history
from samband_notifications.sender.loop import Sender
from samband_notifications.settings import NotificationsSettings

if TYPE_CHECKING:
    from fastapi import FastAPI
    from samband_kit.service import Component


def web(runtime: Runtime) -> FastAPI:
    """What a `serve` process answers."""
    return web_app(
        runtime,
        routers=[delivery_pages.router, deliveries_api.router],
        templates=("samband_notifications",),
        title="Samband",
    )


def sender(runtime: Runtime) -> Component:
    """What a `send` process runs."""
    settings = cast("NotificationsSettings", runtime.settings)
    return Sender(settings, runtime.pool, runtime.registry)


SERVICE = Service(
    name="notifications",
    package="samband_notifications",
    settings=NotificationsSettings,
    reactions=REACTIONS,
    web=web,
    senders=sender,
    meanings=history.meanings,
    happenings=history.happenings,
)
