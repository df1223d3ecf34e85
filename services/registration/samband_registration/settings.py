"""Settings of registration's own: how often the form may be used, how long data is kept."""

from datetime import timedelta

from pydantic import Field
from samband_kit.service import Runtime
from samband_kit.settings import Settings


class RegistrationSettings(Settings):
    """What only this service reads."""

    address_limit_per_day: int = Field(
        default=3,
        ge=1,
        description="Registrations per day that name the same e-mail address, "
        "each of which is a mail to it.",
    )
    network_limit_per_hour: int = Field(
        default=600,
        ge=1,
        description="Registrations per hour from the same network (/24 of IPv4, /64 of IPv6).",
    )
    overall_limit_per_hour: int = Field(
        default=3000, ge=1, description="Registrations per hour from everybody together."
    )
    confirm_hours: int = Field(
        default=72,
        ge=2,
        le=72,
        description="Hours to confirm the e-mail address; what nobody confirms is erased then. "
        "The link in the mail lives no longer than 72.",
    )
    keep_ended_days: int = Field(
        default=90,
        ge=2,
        description="Days until the personal data of a declined or withdrawn registration "
        "is erased.",
    )

    @property
    def time_to_confirm(self) -> timedelta:
        """How long a sender may take to confirm the address."""
        return timedelta(hours=self.confirm_hours)

    @property
    def keep_ended(self) -> timedelta:
        """How long the personal data of what ended is kept."""
        return timedelta(days=self.keep_ended_days)


def settings_of(runtime: Runtime) -> RegistrationSettings:
    """The settings of this service, as the type that `main` declares."""
    settings = runtime.settings
    assert isinstance(settings, RegistrationSettings)  # noqa: S101 - as main.py declares
    return settings
