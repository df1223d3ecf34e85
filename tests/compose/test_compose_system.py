"""docker-compose.yml, run: what it starts is well, confined, and does its work.

The tests stand in the order of an operator's day: each finds the system as the
one before has left it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from pydantic import SecretStr
from samband_contracts import topics
from samband_kit import kafka
from samband_kit.kafka import Access, Security

from tests.compose.installation import Installation
from tests.deploy.test_deploy_compose import DOCUMENT, JOBS, PROCESSES
from tests.operating.blocks import blocks_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.operating.blocks import Block

pytestmark = pytest.mark.containers

LARGEST_IMAGE = 250_000_000
WORKERS = 4


def service_of(container: dict[str, Any]) -> str:
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


def running(installed: Installation) -> Iterator[dict[str, Any]]:
    return (one for one in installed.containers() if service_of(one) not in JOBS)


def access(installed: Installation, name: str) -> Access:
    password = SecretStr((installed.secrets / f"kafka_{name}_password").read_text())
    return Access(installed.kafka_servers, Security.SASL_PLAINTEXT, name, password)


async def events_on(given: Access, topic: topics.Topic) -> int:
    return len([record async for record in kafka.read(given, topic.name)])


def test_everything_is_well_and_what_was_to_be_prepared_is_done(installed: Installation) -> None:
    states = {service_of(one): one["State"] for one in installed.containers()}
    assert states.keys() == DOCUMENT["services"].keys()
    assert {states[name]["ExitCode"] for name in JOBS} == {0}
    assert {states[name]["Health"]["Status"] for name in states.keys() - JOBS} == {"healthy"}


def test_nobody_is_root_has_a_capability_or_can_write(installed: Installation) -> None:
    for container in running(installed):
        name = service_of(container)
        assert container["HostConfig"]["ReadonlyRootfs"], name
        lines = installed.compose("exec", "--no-TTY", name, "cat", "/proc/1/status").splitlines()
        status = dict(line.split(":\t", 1) for line in lines)
        assert "0" not in status["Uid"].split(), name
        assert int(status["CapEff"], 16) == 0, name
        assert status["NoNewPrivs"] == "1", name


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_a_process_cannot_change_its_own_program(installed: Installation, name: str) -> None:
    attempt = "open('/opt/samband/lib/python3.13/site-packages/samband_kit/x.py', 'w')"
    with pytest.raises(AssertionError, match="Read-only file system"):
        installed.compose("exec", "--no-TTY", name, "python", "-c", attempt)


def test_the_images_are_small_and_say_what_they_are(installed: Installation) -> None:
    images = installed.images()
    assert {image["Size"] < LARGEST_IMAGE for image in images} == {True}
    assert {image["Config"]["User"] for image in images} == {"10001:10001"}
    labels = [image["Config"]["Labels"] for image in images]
    assert {label["org.opencontainers.image.licenses"] for label in labels} == {"Apache-2.0"}
    version = installed.environment["SAMBAND_VERSION"]
    assert {label["org.opencontainers.image.version"] for label in labels} == {version}


def test_the_installer_is_not_in_the_image(installed: Installation) -> None:
    attempt = "import shutil; print(shutil.which('uv'), shutil.which('curl'))"
    said = installed.compose("exec", "--no-TTY", "networks", "python", "-c", attempt)
    assert said.split() == ["None", "None"]


@pytest.mark.parametrize("block", blocks_for("compose"), ids=str)
def test_the_commands_of_the_guides_work_one_after_the_other(
    installed: Installation, block: Block
) -> None:
    installed.shell(block.text)


def test_a_user_keeps_its_password_if_no_other_one_comes(installed: Installation) -> None:
    with pytest.raises(AssertionError, match="No password came on standard input"):
        installed.compose("exec", "--no-TTY", "kafka", "/etc/samband/user.sh", "networks")


def test_kafkas_log_holds_no_keys_made_from_passwords(installed: Installation) -> None:
    said = installed.compose("logs", "--no-log-prefix", "kafka")
    assert "Kafka Server started" in said
    assert "storedKey" not in said


def test_the_copy_that_the_guide_makes_holds_all_services(installed: Installation) -> None:
    listed = installed.shell(
        "docker compose exec --no-TTY postgres pg_restore --list < ~/samband.dump"
    )
    assert {"registration", "networks", "notifications"} <= set(listed.split())


def test_a_mail_server_is_named_without_editing_the_file(installed: Installation) -> None:
    named = {"SMTP_HOST": "mail.example", "SMTP_TLS": "starttls", "SMTP_USERNAME": "samband"}
    env = " ".join(f"{name}={value}" for name, value in named.items())
    config = json.loads(installed.shell(f"{env} docker compose config --format json"))
    worker = config["services"]["notification-worker"]
    assert {name: worker["environment"][f"SAMBAND_{name}"] for name in named} == named
    assert "samband_smtp_password" in {secret["target"] for secret in worker["secrets"]}


def test_the_story_is_the_same_with_more_workers(installed: Installation) -> None:
    scale = f"notification-worker={WORKERS}"
    installed.compose("up", "--wait", "--no-build", "--no-recreate", "--scale", scale)
    workers = [one for one in running(installed) if service_of(one) == "notification-worker"]
    assert len(workers) == WORKERS
    assert installed.story()["mails_duplicated"] == 0


def test_prometheus_finds_every_worker(installed: Installation) -> None:
    address = installed.compose("port", "prometheus", "9090").strip()
    found = httpx.get(f"http://{address}/api/v1/targets", trust_env=False).json()
    processes = [one["labels"]["process"] for one in found["data"]["activeTargets"]]
    assert set(processes) == PROCESSES
    assert processes.count("notification-worker") == WORKERS


@pytest.mark.parametrize("backing", ["kafka", "postgres"])
def test_the_story_goes_on_after_a_restart_of(installed: Installation, backing: str) -> None:
    installed.compose("restart", backing)
    installed.compose("up", "--wait", "--no-build", "--no-recreate", "--no-deps", backing)
    assert installed.story()["mails_duplicated"] == 0


async def test_contact_data_is_read_by_notifications_alone(installed: Installation) -> None:
    assert await events_on(access(installed, "notifications"), topics.CONTACT_STATE) > 0
    for name in ("networks", "subscriber"):
        with pytest.raises(kafka.NotAllowed):
            await events_on(access(installed, name), topics.CONTACT_STATE)


async def test_a_subscriber_reads_what_is_public_and_nothing_else(installed: Installation) -> None:
    given = access(installed, "subscriber")
    assert await events_on(given, topics.MEETINGS) > 0
    for topic in topics.ALL:
        if topic.visibility is topics.Visibility.INTERNAL:
            with pytest.raises(kafka.NotAllowed):
                await events_on(given, topic)


async def test_a_wrong_password_lets_nobody_in(installed: Installation) -> None:
    wrong = Access(
        installed.kafka_servers, Security.SASL_PLAINTEXT, "networks", SecretStr("wrong" * 8)
    )
    with pytest.raises(kafka.AccessRefused):
        await events_on(wrong, topics.MEETINGS)


async def test_a_subscriber_that_the_guide_gave_a_user_reads_what_is_public(
    installed: Installation,
) -> None:
    password = SecretStr((installed.home / "statistics.password").read_text().strip())
    given = Access(installed.kafka_servers, Security.SASL_PLAINTEXT, "statistics", password)
    assert await events_on(given, topics.MEETINGS) > 0
    with pytest.raises(kafka.NotAllowed):
        await events_on(given, topics.CONTACT_STATE)


def test_a_table_of_another_service_is_closed_to_a_service(installed: Installation) -> None:
    ask = (
        "import asyncio, asyncpg, json; from pathlib import Path\n"
        "async def look():\n"
        "    url = Path('/run/secrets/samband_database_url').read_text()\n"
        "    conn = await asyncpg.connect(url)\n"
        "    try: await conn.fetch('select * from registration.contacts')\n"
        "    except asyncpg.InsufficientPrivilegeError as error: print(json.dumps(str(error)))\n"
        "asyncio.run(look())"
    )
    said = installed.compose("exec", "--no-TTY", "networks", "python", "-c", ask)
    assert json.loads(said) == "permission denied for schema registration"
