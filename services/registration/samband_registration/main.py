"""Composition: the only place where the parts of registration are put together."""

from datetime import timedelta

from fastapi import FastAPI
from samband_kit import pulse
from samband_kit.service import Job, Runtime, Service
from samband_kit.web.app import web_app

from samband_registration.accounts import pages as account_pages
from samband_registration.calls import api as call_api
from samband_registration.calls import pages as call_pages
from samband_registration.calls.handlers import close_calls
from samband_registration.consumers import REACTIONS
from samband_registration.metrics import count_registrations
from samband_registration.organisations import api as organisation_api
from samband_registration.organisations import pages as organisation_pages
from samband_registration.organisations.handlers import load_register
from samband_registration.registrations import api as registration_api
from samband_registration.registrations.handlers.expiring import erase_ended, expire
from samband_registration.registrations.pages import form, own, staff
from samband_registration.registrations.store import history
from samband_registration.settings import RegistrationSettings, settings_of

PACKAGE = "samband_registration"


def web(runtime: Runtime) -> FastAPI:
    """Pages and API."""
    return web_app(
        runtime,
        routers=[
            call_pages.router,
            # Its receipt's path would else be read as a call's.
            form.router,
            own.router,
            staff.router,
            organisation_pages.router,
            account_pages.router,
            organisation_api.router,
            call_api.router,
            registration_api.router,
        ],
        templates=[PACKAGE],
        title="Samband",
    )


async def _load_register(runtime: Runtime) -> None:
    await load_register(runtime.pool)


async def _close_calls(runtime: Runtime) -> None:
    await close_calls(runtime.pool)


async def _expire(runtime: Runtime) -> None:
    if await expire(runtime.pool):
        await pulse.try_to_beat(runtime.settings, pulse.topics_of(SERVICE.name))


async def _erase_ended(runtime: Runtime) -> None:
    if await erase_ended(runtime.pool, keep=settings_of(runtime).keep_ended):
        await pulse.try_to_beat(runtime.settings, pulse.topics_of(SERVICE.name))


SERVICE = Service(
    name="registration",
    package=PACKAGE,
    settings=RegistrationSettings,
    reactions=REACTIONS,
    web=web,
    meanings=history.meanings,
    jobs=(
        Job("load-register", timedelta(days=1), _load_register),
        Job("close-calls", timedelta(seconds=30), _close_calls),
        Job("expire-registrations", timedelta(minutes=1), _expire),
        Job("erase-ended-registrations", timedelta(hours=1), _erase_ended),
        Job("count-registrations", timedelta(minutes=1), count_registrations),
    ),
)
