"""Scenes: what has to be there for a block of commands to make sense.

Each is entered once for a guide and left at its end, where it looks whether the
commands have done what the guide says. What a guide calls `17` or
`019a0f6e-…` is what the scene tells it to be.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from samband_contracts.calls import CallClosed, CallOpened
from samband_contracts.topics import CALLS
from samband_contracts.values import Localised
from samband_kit.ids import new_id
from samband_kit.testing import Facts, eventually, publish_raw
from samband_kit.topics import configs
from samband_local.story import officers

from tests.end_to_end.playing import at_the_button, some_officers
from tests.kit.guarded import ADMIN, password_of
from tests.kit.guarded import guarded as a_guarded_kafka
from tests.operating.calls import opened_call
from tests.operating.restoring import restore, restored
from tests.operating.scene import ID, REFERENCE, UUID, Scene

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager


@asynccontextmanager
async def services(_: Scene) -> AsyncIterator[None]:
    """Just the running system."""
    yield


@asynccontextmanager
async def gap(scene: Scene) -> AsyncIterator[None]:
    """The second event of a call has come, and the first has not."""
    facts, key = Facts(scene.settings("registration")), str(new_id())
    await facts.publish_as(facts.envelope(_closed(key), sequence=2))
    await scene.parked(key, "gap")
    yield
    await scene.nothing_parked(key)
    assert await scene.reached(key) == 2


@asynccontextmanager
async def failed(scene: Scene) -> AsyncIterator[None]:
    """Networks has failed on a call, and the version that can do it is deployed by now."""
    await scene.change(_FAIL)
    facts, key = Facts(scene.settings("registration")), str(new_id())
    await facts.publish(_opened(key))
    await scene.parked(key, "failed")
    await scene.change("drop function networks.fail cascade")
    yield
    await scene.nothing_parked(key)
    assert await scene.reached(key) == 1


@asynccontextmanager
async def unparsable(scene: Scene) -> AsyncIterator[None]:
    """Somebody has written to the topic of calls what is no event."""
    key = str(new_id())
    await publish_raw(scene.settings("registration"), CALLS, key=key.encode(), value=b"?")

    async def found() -> int | None:
        number: int | None = await scene.ask(
            "select max(parked_id) from networks.parked"
            " where reason = 'unparsable' and skipped_at is null"
        )
        return number

    number = await eventually(found, 60)
    scene.stands_for[ID] = str(number)
    yield
    assert await found() is None


@asynccontextmanager
async def fork(scene: Scene) -> AsyncIterator[None]:
    """Two events of a call claim to be its first."""
    facts, key = Facts(scene.settings("registration")), str(new_id())
    await facts.publish_as(facts.envelope(_opened(key), sequence=1))
    await facts.publish_as(facts.envelope(_closed(key), sequence=1))
    await scene.parked(key, "fork")
    yield
    await scene.nothing_parked(key)


@asynccontextmanager
async def blocked(scene: Scene) -> AsyncIterator[None]:
    """Kafka took records of ten bytes at most when a call was opened; by now it takes all."""
    key = await _refused(scene)
    await _largest(scene, 1_048_576)
    yield
    await eventually(lambda: _published(scene, key), 60)


@asynccontextmanager
async def unsendable(scene: Scene) -> AsyncIterator[None]:
    """Kafka takes records of ten bytes at most, and somebody has opened a call."""
    key = await _refused(scene)
    try:
        yield
        assert await scene.ask("select quarantined_at from registration.outbox where key = $1", key)
    finally:
        await _largest(scene, 1_048_576)


@asynccontextmanager
async def person(scene: Scene) -> AsyncIterator[None]:
    """Somebody has registered, and notifications knows them."""
    (officer,) = some_officers(1)
    async with at_the_button(scene.stack, officer) as (visitor, checked):
        reference = await officers.send(visitor, checked)
    found = await scene.ask(
        "select contact_id from registration.contacts where email = $1", officer.email
    )
    scene.stands_for |= {REFERENCE: reference, UUID: str(found)}
    await eventually(lambda: _known(scene, found), 60)
    yield


@asynccontextmanager
async def erased(scene: Scene) -> AsyncIterator[None]:
    """The same person, a moment after they were erased."""
    contact = scene.stands_for[UUID]

    async def gone() -> bool:
        return not await _known(scene, contact)

    await eventually(gone, 60)
    yield
    assert not await scene.ask("select 1 from registration.contacts where contact_id = $1", contact)


@asynccontextmanager
async def staff(scene: Scene) -> AsyncIterator[None]:
    """Kim has an account."""
    address = "kim@kommun.example"
    made = scene.stack.command(
        "registration", "sign-in-link", "--email", address, "--name", "Kim Ek"
    )
    assert made.returncode == 0, made.stderr
    yield
    assert await scene.ask(
        "select active = false from registration.accounts natural join registration.staff_accounts where email = $1",
        address,
    )


@asynccontextmanager
async def guarded(scene: Scene) -> AsyncIterator[None]:
    """Somebody who may do everything in a Kafka that asks who its clients are."""
    folder = scene.terminal.folder
    with a_guarded_kafka(folder / "kafka", "operator") as broker:
        asked = {
            "SAMBAND_KAFKA_SERVERS": broker.plan.servers,
            "SAMBAND_KAFKA_SECURITY": "sasl_plaintext",
            "SAMBAND_KAFKA_USERNAME": ADMIN,
            "SAMBAND_KAFKA_PASSWORD": password_of(ADMIN),
        }
        with (folder / "programs/samband_networks.env").open("a", encoding="utf-8") as written:
            written.writelines(f"{name}={value}\n" for name, value in asked.items())
        yield


SCENES: dict[str, Callable[[Scene], AbstractAsyncContextManager[None]]] = {
    "services": services,
    "database": services,
    "restore": restore,
    "restored": restored,
    "guarded": guarded,
    "gap": gap,
    "failed": failed,
    "unparsable": unparsable,
    "fork": fork,
    "blocked": blocked,
    "unsendable": unsendable,
    "person": person,
    "erased": erased,
    "staff": staff,
}

_FAIL = """
create function networks.fail() returns trigger language plpgsql as
  'begin raise exception ''not yet''; end';
create trigger fail before insert on networks.calls for each row execute function networks.fail()
"""


def _opened(key: str) -> CallOpened:
    return CallOpened.model_validate(
        {
            "call_id": key,
            "title": Localised(sv="En utlysning", en="A call"),
            "opens_at": "2027-01-01T00:00:00Z",
            "closes_at": "2027-02-01T00:00:00Z",
            "zone": "Europe/Stockholm",
        }
    )


def _closed(key: str) -> CallClosed:
    return CallClosed.model_validate({"call_id": key, "closed_at": "2027-02-01T00:00:00Z"})


async def _refused(scene: Scene) -> str:
    """The key of a call whose event Kafka has just refused."""
    await _largest(scene, 10)
    await opened_call(scene)

    async def found() -> str | None:
        key: str | None = await scene.ask(
            "select key from registration.outbox_counters"
            " where topic = $1 and blocked_at is not null",
            CALLS.name,
        )
        return key

    key = str(await eventually(found, 60))
    scene.stands_for[UUID] = key
    return key


async def _largest(scene: Scene, size: int) -> None:
    """Say how large a record on the topic of calls may be."""
    wanted = {**configs(CALLS), "min.insync.replicas": "1", "max.message.bytes": str(size)}
    kafka = AIOKafkaAdminClient(bootstrap_servers=scene.stack.kafka_servers)
    await kafka.start()
    try:
        await kafka.alter_configs([ConfigResource(ConfigResourceType.TOPIC, CALLS.name, wanted)])
    finally:
        await kafka.close()


async def _published(scene: Scene, key: str) -> bool:
    return bool(
        await scene.ask(
            "select bool_and(published_at is not null) from registration.outbox where key = $1", key
        )
    )


async def _known(scene: Scene, contact: object) -> bool:
    return bool(
        await scene.ask(
            "select 1 from notifications.recipients"
            " where contact_id = $1::text::uuid and name is not null",
            str(contact),
        )
    )
