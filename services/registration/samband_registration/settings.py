"""Settings of registration's own: how often the public form may be used."""

from pydantic import Field
from samband_kit.settings import Settings


class RegistrationSettings(Settings):
    """What only this service reads."""

    address_limit_per_day: int = Field(
        default=20, ge=1, description="Registrations per day that name the same e-mail address."
    )
    network_limit_per_hour: int = Field(
        default=600,
        ge=1,
        description="Registrations per hour from the same network (/24 of IPv4, /64 of IPv6).",
    )
    overall_limit_per_hour: int = Field(
        default=3000, ge=1, description="Registrations per hour from everybody together."
    )
