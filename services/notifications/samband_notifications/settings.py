"""Settings of the notifications service: the mail server and who writes."""

from __future__ import annotations

from datetime import timedelta
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from samband_kit.settings import Settings


class NotificationsSettings(Settings):
    """What notifications reads besides what every service reads."""

    smtp_host: str = Field(default="127.0.0.1", description="The mail server that takes our mail.")
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    smtp_tls: Literal["none", "starttls", "tls"] = Field(
        default="starttls",
        description="`starttls` or `tls`, never less than asked for; "
        "`none` for a server on the same machine or in tests.",
    )
    smtp_username: str | None = Field(
        default=None, description="Who we are to the mail server, if it asks; needs TLS."
    )
    smtp_password: SecretStr | None = Field(default=None, description="The password to it.")
    smtp_connections: int = Field(
        default=16,
        ge=1,
        le=200,
        description="Connections that one sender keeps open. After a crash at most twice as "
        "many mails are uncertain.",
    )
    smtp_timeout: float = Field(
        default=60.0, gt=0, description="Seconds that the mail server has to take one mail."
    )
    send_lease: float = Field(
        default=120.0,
        gt=0,
        description="Seconds after which a mail is in doubt that a sender had begun when it died. "
        "Mails that it had not begun are taken over after 20 seconds at the latest.",
    )
    mail_from: str = Field(
        default="ICLD Samband <samband@localhost>",
        description="Name and address that mails come from and that answers go to.",
    )

    @field_validator("mail_from")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        name, address = parseaddr(value)
        wrong = ValueError("not of the form `Name <local@domain>`")
        if not value.isprintable():
            raise wrong
        try:
            Address(name, addr_spec=address)
        except (ValueError, IndexError) as error:
            raise wrong from error
        return value

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> Self:
        if self.smtp_username is not None and self.smtp_tls == "none":
            raise ValueError("a user name needs SAMBAND_SMTP_TLS to be starttls or tls")
        return self

    @property
    def sender(self) -> tuple[str, str]:
        """Name and address that mails come from."""
        return parseaddr(self.mail_from)

    @property
    def lease(self) -> timedelta:
        """How long a sender may hold a delivery."""
        return timedelta(seconds=self.send_lease)
