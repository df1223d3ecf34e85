"""Settings: everything that differs between installations, from the environment.

Each setting is the environment variable `SAMBAND_<NAME>`. Instead of the
value itself, `SAMBAND_<NAME>_FILE` may name a file that holds it, and a file
`/run/secrets/samband_<name>` is read when it exists: the two ways in which
container platforms hand over secrets. A setting given in two ways is refused,
because nobody could tell which one counts.
"""

import os
import ssl
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from samband_kit import failpoints
from samband_kit.kafka import Access, Security

SECRETS = Path("/run/secrets")
SHORTEST_KEY = 32


class SettingsRefused(Exception):
    """The settings cannot be used; the message names each one and what is wrong with it."""


class KafkaSettings(BaseSettings):
    """The way to Kafka; alone, for programs that need nothing else."""

    model_config = SettingsConfigDict(
        env_prefix="SAMBAND_",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    kafka_servers: str = Field(description="Kafka brokers, as `host:port,host:port`.")
    kafka_prefix: str = Field(
        default="",
        pattern=r"^[a-z0-9.-]*$",
        description="Put before every topic and consumer group, "
        "so that several installations can share one cluster.",
    )
    kafka_security: Security = Field(
        default=Security.PLAINTEXT,
        description="How the way to Kafka is protected: `plaintext`, `sasl_plaintext` "
        "or `sasl_ssl`. With SASL, SCRAM-SHA-512 proves who we are.",
    )
    kafka_username: str | None = Field(
        default=None, description="Who we are to Kafka; needs SASL, and SASL needs it."
    )
    kafka_password: SecretStr | None = Field(
        default=None, description="The password that goes with it."
    )
    kafka_ca: str | None = Field(
        default=None,
        description="Certificates (PEM) that Kafka's must be signed by, best given as "
        "`SAMBAND_KAFKA_CA_FILE`. Empty: those that the system trusts. Needs `sasl_ssl`.",
    )

    @field_validator("kafka_ca")
    @classmethod
    def _certificates(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ssl.create_default_context(cadata=value)
            except (ssl.SSLError, ValueError):
                raise ValueError("write certificates as PEM, or name a file of them") from None
        return value

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        said = f"SAMBAND_KAFKA_SECURITY is {self.kafka_security.value}"
        has_sasl = self.kafka_security is not Security.PLAINTEXT
        for name, value in (
            ("SAMBAND_KAFKA_USERNAME", self.kafka_username),
            ("SAMBAND_KAFKA_PASSWORD", self.kafka_password),
        ):
            if has_sasl and value is None:
                raise ValueError(f"{said}, which needs {name}")
            if not has_sasl and value is not None:
                raise ValueError(f"{said}, which has no use for {name}")
        if self.kafka_ca is not None and self.kafka_security is not Security.SASL_SSL:
            raise ValueError(f"{said}, which has no use for SAMBAND_KAFKA_CA")
        return self

    @property
    def kafka(self) -> Access:
        """What a client of Kafka is made from."""
        return Access(
            self.kafka_servers,
            self.kafka_security,
            self.kafka_username,
            self.kafka_password,
            self.kafka_ca,
        )

    @classmethod
    def read(cls, **given: Any) -> Self:
        """Read the environment, save for what is `given`.

        Raises:
            SettingsRefused: something is missing, wrong, unreadable or given
                twice; one line per setting, never with its value.
        """
        try:
            return cls(**given)
        except ValidationError as error:
            raise SettingsRefused(_sentences(error)) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _Files(settings_cls)


class Settings(KafkaSettings):
    """What every service reads; services add their own in a subclass."""

    database_url: SecretStr = Field(
        description="PostgreSQL, as `postgresql://role:password@host:port/database`. "
        "The role has a schema of its own name, and works in that alone."
    )
    public_url: str = Field(
        default="http://127.0.0.1:8080",
        description="The address that people see, without a slash at the end.",
    )
    secret_keys: SecretStr = Field(
        description="Keys for sessions and personal links, comma separated, each at least "
        "32 characters. The first signs, all verify: put a new key first to change it."
    )
    host: str = Field(default="127.0.0.1", description="Address that pages and API listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port of pages and API.")
    ops_port: int = Field(
        default=9000, ge=0, le=65535, description="Port of `/livez`, `/readyz` and `/metrics`."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least important level that is logged."
    )
    log_format: Literal["json", "console"] = Field(
        default="json", description="`json` for machines, `console` for people."
    )
    human_seconds: float = Field(
        default=3.0,
        ge=0,
        description="Seconds that a person needs at least to fill in a public form.",
    )
    otlp_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://[^/\s]+",
        description="Collector of traces, as `http://host:4318`; empty: nothing is traced.",
    )
    trace_ratio: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Share of the traces that are recorded, decided where each begins.",
    )
    stop_timeout: float = Field(
        default=20.0,
        gt=0,
        description="Seconds that a stop may take before what still runs is abandoned.",
    )
    failpoints: str = Field(
        default="",
        description="Where this process fails on purpose, for tests of faults alone, "
        "as `relay.sent=kill@3;consumer.committed=sleep:2`.",
    )

    @field_validator("database_url")
    @classmethod
    def _an_address(cls, value: SecretStr) -> SecretStr:
        try:
            parts = urlsplit(value.get_secret_value())
            complete = parts.hostname and parts.port != 0 and parts.path.strip("/")
        except ValueError:
            complete = False
        if not complete or parts.scheme not in ("postgresql", "postgres"):
            raise ValueError("write it as postgresql://role:password@host:port/database")
        return value

    @field_validator("public_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("secret_keys")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        keys = value.get_secret_value().split(",")
        if any(len(key.strip()) < SHORTEST_KEY for key in keys):
            raise ValueError(f"every key needs at least {SHORTEST_KEY} characters")
        return value

    @field_validator("failpoints")
    @classmethod
    def _that_exist(cls, value: str) -> str:
        failpoints.parse(value)
        return value

    @property
    def keys(self) -> tuple[str, ...]:
        """The secret keys; the first signs, all verify."""
        return tuple(key.strip() for key in self.secret_keys.get_secret_value().split(","))


class _Files(PydanticBaseSettingsSource):
    """Settings whose value lies in a file."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = f"SAMBAND_{field_name.upper()}"
        named = os.environ.get(f"{variable}_FILE")
        path = Path(named) if named else SECRETS / variable.lower()
        if not named and not path.is_file():
            return None, field_name, False
        if os.environ.get(variable):
            raise SettingsRefused(f"{variable} is set, and {path} too; keep one of them.")
        try:
            return path.read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsRefused(f"{variable}: cannot read {path} ({error}).") from error

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            value, key, _ = self.get_field_value(field, name)
            if value is not None:
                found[key] = value
        return found


def _sentences(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        name = "SAMBAND_" + "_".join(str(part) for part in problem["loc"]).upper()
        reason = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "missing":
            lines.append(f"{name} is not set.")
        elif problem["loc"]:
            lines.append(f"{name}: {reason}.")
        else:
            # Settings that do not go together name each other.
            lines.append(f"{reason}.")
    return "\n".join(lines)
