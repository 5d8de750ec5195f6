"""How one QBO company is reached: identity, addresses, timeouts and limits. Nothing here is a policy."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

API_URLS = {
    "production": "https://quickbooks.api.intuit.com",
    "sandbox": "https://sandbox-quickbooks.api.intuit.com",
}
"""protocol.md 1.1."""

MINOR_VERSION = "75"
"""Lower ones are no longer served, none above was announced (protocol.md 1.6)."""

SCOPE = "com.intuit.quickbooks.accounting"


def is_loopback(host: str) -> bool:
    """Whether what is sent to this host name or address stays on this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class QboConfig(BaseModel):
    """One connection to one company. Unknown keys are refused; error messages never show a value (F-65)."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    realm_id: str = Field(pattern=r"^[0-9]{1,32}$", description="the company's id, digits only")
    environment: Literal["production", "sandbox"]
    client_id: str = Field(min_length=1)
    client_secret: SecretStr
    webhook_verifier: SecretStr | None = Field(
        default=None, min_length=8, description="the app's verifier token; without it there is no endpoint (F-54)"
    )

    api_url: str = Field(default="", description="empty: Intuit's address for the environment")
    token_url: str = Field(default="https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer")
    authorize_url: str = Field(default="https://appcenter.intuit.com/connect/oauth2")
    revoke_url: str = Field(default="https://developer.api.intuit.com/v2/oauth2/tokens/revoke")

    connect_timeout_seconds: float = Field(default=5.0, gt=0)
    read_timeout_seconds: float = Field(
        default=130.0, gt=0, description="longer than the 120 s after which QBO itself gives up (F-72)"
    )

    throttle: bool = Field(default=True, description="off only against a server without limits")
    requests_per_minute: int = Field(default=500, ge=1)
    requests_per_second: int = Field(default=10, ge=1)
    batches_per_minute: int = Field(default=40, ge=1)
    batch_size: int = Field(default=30, ge=1, le=30)
    monthly_reads: int = Field(default=500_000, ge=0, description="metered reads Intuit allows a month; 0: not counted")
    cdc_overlap_seconds: int = Field(default=300, ge=0, le=86_400)

    @field_validator("api_url", "token_url", "authorize_url", "revoke_url")
    @classmethod
    def _address(cls, value: str) -> str:
        if value and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname):
            raise ValueError("must be a full address that starts with https://")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        """Tokens, codes and the app's secret cross the network in clear to nobody: plain http is for this machine."""
        for name in ("api_url", "token_url", "authorize_url", "revoke_url"):
            address = urlsplit(str(getattr(self, name)))
            if address.scheme == "http" and not is_loopback(address.hostname or ""):
                raise ValueError(f"{name} must start with https://; plain http is for a server on this machine")
        return self

    @property
    def base_url(self) -> str:
        """Address of the company's resources (protocol.md 1.2)."""
        return f"{self.api_url or API_URLS[self.environment]}/v3/company/{self.realm_id}"

    @property
    def timeout(self) -> tuple[float, float]:
        """Connect and read timeout, as requests takes them."""
        return (self.connect_timeout_seconds, self.read_timeout_seconds)
