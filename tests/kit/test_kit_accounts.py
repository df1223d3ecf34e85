"""Accounts as their owner announces them and as the other services know them."""

import json

from samband_contracts.accounts import AccountDescribed
from samband_contracts.kafka import to_headers
from samband_contracts.topics import ACCOUNT_STATE
from samband_contracts.values import Role
from samband_kit import database
from samband_kit.accounts import ACCOUNT_REACTION, Account, account, put_account
from samband_kit.consumer.batch import apply_batch
from samband_kit.ids import new_id
from samband_kit.service import Kind, Service
from samband_kit.settings import Settings
from samband_kit.testing import Backing, Facts, read_events, running, service_settings

from tests.kit.effects import raw, said
from tests.kit.outboxes import relay, writer

FOLLOWER = Service(
    name="follower",
    package="samband_kit",
    settings=Settings,
    reactions=(ACCOUNT_REACTION,),
    web=None,
)


async def test_the_owner_writes_and_announces_in_one_transaction(backing: Backing) -> None:
    someone = Account(new_id(), frozenset({Role.STAFF, Role.COORDINATOR}), 3, active=True)
    async with writer(backing, topics=[ACCOUNT_STATE]) as service:
        async with database.transaction(service.pool) as conn:
            assert await account(conn, someone.account_id) is None
            await put_account(conn, someone)
            assert await account(conn, someone.account_id) == someone
        async with relay(service):
            await service.drained()
        [event] = await read_events(service.settings, ACCOUNT_STATE)
        assert event.data == AccountDescribed(
            account_id=someone.account_id,
            roles=(Role.COORDINATOR, Role.STAFF),
            epoch=3,
            active=True,
        )


async def test_the_others_follow(backing: Backing) -> None:
    person = new_id()
    async with (
        service_settings(backing, "samband_kit") as settings,
        running(FOLLOWER, settings, Kind.CONSUME) as service,
    ):
        facts = Facts(settings)
        for epoch, roles, active in ((1, (Role.STAFF,), True), (2, (), False)):
            await facts.publish(
                AccountDescribed(account_id=person, roles=roles, epoch=epoch, active=active)
            )
            await facts.applied(service.pool)
            async with service.pool.acquire() as conn:
                assert await account(conn, person) == Account(
                    person, frozenset(roles), epoch, active
                )


async def test_a_role_of_a_newer_registration_gives_no_rights_here(backing: Backing) -> None:
    async with writer(backing, topics=()) as service:
        event = said(AccountDescribed(account_id=new_id(), roles=(), epoch=2, active=True), 1)
        value = json.loads(event.data.model_dump_json()) | {"roles": ["auditor", "staff"]}
        newer = raw(
            ACCOUNT_STATE,
            key=event.subject.encode(),
            value=json.dumps(value).encode(),
            headers=to_headers(event),
        )
        settled = await apply_batch(service.pool, ACCOUNT_REACTION, [newer])
        assert (len(settled.applied), settled.parked) == (1, [])
        async with service.pool.acquire() as conn:
            found = await account(conn, event.data.account_id)
        assert found is not None
        assert (found.roles, found.epoch) == (frozenset({Role.STAFF}), 2)
