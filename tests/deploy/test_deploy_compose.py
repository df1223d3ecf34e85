"""docker-compose.yml keeps its rules; read as a document, without Docker."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from samband_kit.service import Kind, Service
from samband_kit.settings import Settings

from tests.architecture.source_tree import ROOT

DOCUMENT: Mapping[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: Mapping[str, Mapping[str, Any]] = DOCUMENT["services"]
OURS = {name for name, one in SERVICES.items() if str(one["image"]).startswith("samband-")}
JOBS = {name for name in OURS if SERVICES[name]["restart"] != "unless-stopped"}
PROCESSES = OURS - JOBS
OTHERS = SERVICES.keys() - OURS
# What people and programs on this host come in by; everything else may be scaled.
OPEN = {"gateway", "kafka", "mailpit", "prometheus"}


def breaking(rule: Callable[[Mapping[str, Any]], bool]) -> set[str]:
    """The services that do not keep a rule."""
    return {name for name, one in SERVICES.items() if not rule(one)}


def test_it_is_one_system_with_a_name_and_processes_of_every_kind() -> None:
    assert DOCUMENT["name"] == "samband"
    assert len(PROCESSES) == 7
    assert {"postgres", "kafka", "mailpit", "gateway", "prometheus"} == OTHERS


def test_nobody_can_write_gain_rights_or_use_a_capability() -> None:
    assert not breaking(lambda one: one["read_only"] is True)
    assert not breaking(lambda one: one["cap_drop"] == ["ALL"])
    assert not breaking(lambda one: one["security_opt"] == ["no-new-privileges:true"])
    assert breaking(lambda one: not one.get("cap_add")) == {"gateway"}
    assert SERVICES["gateway"]["cap_add"] == ["NET_BIND_SERVICE"]
    assert not breaking(lambda one: not one.get("privileged") and "network_mode" not in one)
    # Images that name their user themselves; the numbers are checked on the running system.
    assert OTHERS - {name for name in OTHERS if "user" in SERVICES[name]} == {"kafka", "prometheus"}


def test_nothing_has_a_name_that_forbids_a_second_one() -> None:
    assert not breaking(lambda one: "container_name" not in one and "hostname" not in one)


def test_only_what_never_scales_has_ports_and_those_on_the_loopback_address_alone() -> None:
    assert breaking(lambda one: "ports" not in one) == OPEN
    ports = [str(port) for one in SERVICES.values() for port in one.get("ports", ())]
    assert not [port for port in ports if not port.startswith("127.0.0.1:${")]


def test_memory_and_logs_are_bounded_everywhere() -> None:
    assert not breaking(lambda one: bool(one.get("mem_limit")))
    options = {"max-size": "10m", "max-file": "3"}
    assert not breaking(lambda one: one["logging"] == {"driver": "json-file", "options": options})


def test_a_stop_is_given_longer_than_it_takes() -> None:
    for name in PROCESSES:
        grace = int(str(SERVICES[name]["stop_grace_period"]).removesuffix("s"))
        assert grace > float(SERVICES[name]["environment"]["SAMBAND_STOP_TIMEOUT"])


def test_whatever_runs_on_says_whether_it_is_well() -> None:
    healthcheck = re.search(
        r"^HEALTHCHECK ", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE
    )
    assert healthcheck
    assert not {name for name in OTHERS if "healthcheck" not in SERVICES[name]}


def test_processes_wait_for_what_is_prepared_and_jobs_end() -> None:
    for name in PROCESSES:
        conditions = {want["condition"] for want in SERVICES[name]["depends_on"].values()}
        assert conditions == {"service_completed_successfully"}, name
        assert "topics" in SERVICES[name]["depends_on"]
    # `up --wait` takes only what others wait for as done when it has ended.
    awaited = {
        other
        for one in SERVICES.values()
        for other, want in one.get("depends_on", {}).items()
        if want["condition"] == "service_completed_successfully"
    }
    assert awaited == JOBS


def test_the_processes_are_the_kinds_that_the_services_have() -> None:
    commands = {tuple(SERVICES[name]["command"]) for name in PROCESSES}
    wanted = set()
    for name in ("registration", "networks", "notifications"):
        service: Service = importlib.import_module(f"samband_{name}.main").SERVICE
        wanted |= {("python", "-m", service.package, Kind(kind).value) for kind in service.kinds}
    assert commands == wanted


def test_each_image_is_built_once_and_what_uses_it_waits_for_that() -> None:
    built = {name for name in OURS if "build" in SERVICES[name]}
    assert built == {"migrate-registration", "migrate-networks", "migrate-notifications"}
    assert not [name for name in OURS - built if SERVICES[name]["pull_policy"] != "never"]
    for name in built:
        service = name.removeprefix("migrate-")
        assert SERVICES[name]["build"]["args"]["SERVICE"] == service
        assert SERVICES[name]["image"] == f"samband-{service}:${{SAMBAND_VERSION:-local}}"


def test_images_of_others_have_a_version() -> None:
    assert not [name for name in OTHERS if not re.search(r":v?\d[\w.]*$", SERVICES[name]["image"])]


def test_every_setting_is_one_that_the_service_has() -> None:
    for name in OURS:
        package = SERVICES[name]["command"][2]
        settings: type[Settings] = importlib.import_module(f"{package}.main").SERVICE.settings
        known = {f"SAMBAND_{field}".upper() for field in settings.model_fields}
        given = {key for key in SERVICES[name]["environment"] if key.startswith("SAMBAND_")}
        given |= {str(secret["target"]).upper() for secret in SERVICES[name]["secrets"]}
        assert given <= known, name


def test_each_process_is_somebody_of_its_own_to_database_and_kafka() -> None:
    for name in PROCESSES:
        service = SERVICES[name]["command"][2].removeprefix("samband_")
        sources = {secret["source"] for secret in SERVICES[name]["secrets"]}
        of_the_sender = {"smtp_password"} if name == "notification-worker" else set()
        assert sources == of_the_sender | {
            f"{service}_database_url",
            "secret_keys",
            f"kafka_{service}_password",
        }
        assert SERVICES[name]["environment"]["SAMBAND_KAFKA_USERNAME"] == service


def test_no_secret_stands_in_the_file_or_in_an_environment() -> None:
    words = re.compile(r"password|secret|key|token|database_url", re.IGNORECASE)
    in_environments = {
        (name, variable)
        for name, one in SERVICES.items()
        for variable in one.get("environment", {})
        if words.search(variable)
    }
    assert in_environments == {("postgres", "POSTGRES_PASSWORD_FILE")}
    for name, secret in DOCUMENT["secrets"].items():
        # Without the folder it refuses to start, and says what to do.
        assert secret == {"file": f"${{SAMBAND_SECRETS:?run make secrets first}}/{name}"}


def test_whatever_env_may_say_stands_in_the_guide() -> None:
    names = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    assert {"SMTP_HOST", "SMTP_USERNAME", "MAIL_FROM", "TRUSTED_PROXIES"} <= names
    guide = (ROOT / "docs/operating/docker.md").read_text()
    assert not [name for name in names if f"`{name}`" not in guide]


def test_prometheus_asks_every_process_by_its_name() -> None:
    prometheus = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    (job,) = prometheus["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert set(found["names"]) == PROCESSES
    assert found["port"] == Settings.model_fields["ops_port"].default


def test_kafka_lets_nobody_in_without_a_name_and_nobody_do_what_no_rule_allows() -> None:
    lines = (ROOT / "deploy/kafka/server.properties").read_text().splitlines()
    properties = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    protocols = properties["listener.security.protocol.map"].split(",")
    assert all(one.split(":")[1].startswith("SASL_") for one in protocols)
    assert properties["authorizer.class.name"].endswith(".StandardAuthorizer")
    assert properties["allow.everyone.if.no.acl.found"] == "false"
    assert properties["super.users"] == "User:broker;User:admin"
    assert properties["auto.create.topics.enable"] == "false"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder of secrets, freshly made."""
    make_secrets(tmp_path / "secrets")
    return tmp_path / "secrets"


def make_secrets(folder: Path, *words: str) -> str:
    script = ROOT / "deploy" / "compose" / "make_secrets.py"
    return subprocess.run(
        [sys.executable, script, *words, folder], check=True, capture_output=True, text=True
    ).stdout


def test_secrets_are_those_that_the_file_names_and_no_two_are_alike(made: Path) -> None:
    values = {path.name: path.read_text() for path in made.iterdir()}
    assert values.keys() == DOCUMENT["secrets"].keys()
    assert len(set(values.values())) == len(values)
    assert min(map(len, values.values())) >= 64
    password = values["networks_password"]
    assert (
        values["networks_database_url"] == f"postgresql://networks:{password}@postgres:5432/samband"
    )


def test_secrets_are_closed_to_other_users_of_the_host(made: Path) -> None:
    assert made.stat().st_mode & 0o777 == 0o700


def test_secrets_that_are_there_are_never_changed(made: Path) -> None:
    (made / "secret_keys").unlink()
    before = {path.name: path.read_text() for path in made.iterdir()}
    assert make_secrets(made) == "Made: secret_keys.\n"
    after = {path.name: path.read_text() for path in made.iterdir()}
    assert after.items() > before.items()
    assert "there already" in make_secrets(made)


def test_a_new_password_is_seen_by_whoever_has_the_file_and_changes_no_other(made: Path) -> None:
    before = {path.name: (path.read_text(), path.stat().st_ino) for path in made.iterdir()}
    said = make_secrets(made, "--new", "networks_password")
    assert said == "Made: networks_password, networks_database_url.\n"
    after = {path.name: (path.read_text(), path.stat().st_ino) for path in made.iterdir()}
    changed = {name for name in after if after[name][0] != before[name][0]}
    assert changed == {"networks_password", "networks_database_url"}
    assert after["networks_password"][0] in after["networks_database_url"][0]
    assert {name: one[1] for name, one in after.items()} == {n: o[1] for n, o in before.items()}
    assert {path.stat().st_mode & 0o777 for path in made.iterdir()} == {0o444}
    assert make_secrets(made, "--new", "kafka_admin_password") == "Made: kafka_admin_password.\n"


@pytest.mark.parametrize("name", ["secret_keys", "postgres_password", "smtp_password", "other"])
def test_what_takes_more_than_a_new_file_is_not_changed(made: Path, name: str) -> None:
    before = {path.name: path.read_text() for path in made.iterdir()}
    with pytest.raises(subprocess.CalledProcessError):
        make_secrets(made, "--new", name)
    assert {path.name: path.read_text() for path in made.iterdir()} == before
