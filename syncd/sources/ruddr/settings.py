"""The configuration of the API source: what stands under ``[company.source]`` with ``type = "ruddr"``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StrictStr, field_validator, model_validator

from syncd.model.kinds import Kind

API_URL = "https://www.ruddr.io/api/workspace"

Mode: TypeAlias = Literal["api", "worklist", "none"]

KINDS = (
    Kind.ITEM,
    Kind.TAX_CODE,
    Kind.PAYMENT_METHOD,
    Kind.CATEGORY,
    Kind.CLIENT,
    Kind.PROJECT,
    Kind.VENDOR,
    Kind.INVOICE,
    Kind.CREDIT_NOTE,
    Kind.PAYMENT,
    Kind.CREDIT_APPLICATION,
    Kind.EXPENSE,
)
"""The kinds that the API has lists of."""

WRITABLE = frozenset({Kind.CLIENT, Kind.INVOICE, Kind.CREDIT_NOTE, Kind.PAYMENT})
"""The kinds that syncd knows how to write, should the API let it."""

_BY_DEFAULT: Mapping[Kind, Mode] = {
    Kind.INVOICE: "worklist",
    Kind.CREDIT_NOTE: "worklist",
    Kind.PAYMENT: "worklist",
    Kind.CREDIT_APPLICATION: "worklist",
    Kind.EXPENSE: "worklist",
}

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_Seconds = Annotated[int, Field(ge=0, le=604_800)]


class RuddrSourceConfig(BaseModel):
    """One workspace. Unknown keys are refused; error messages never show a value.

    ``connection_id`` names the accounting connection whose external ids are QBO ids of this company; needed only where
    a workspace has several. ``modes`` says per kind what becomes of a write, ``creates`` for which kinds the API is
    known to have a create (it is never tried out). ``leave_out`` names kinds that are not read at all.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    type: Literal["ruddr"] = "ruddr"
    api_key: SecretStr
    api_url: StrictStr = API_URL
    native_link: Literal["refuse", "replaced"] = "refuse"
    connection_id: StrictStr = ""
    modes: Mapping[Kind, Mode] = {}
    creates: frozenset[Kind] = frozenset({Kind.CLIENT})
    leave_out: frozenset[Kind] = frozenset()
    full_scan_seconds: _Seconds = 3600
    open_documents_seconds: _Seconds = 60
    throttle: bool = True
    requests_per_second: Annotated[float, Field(gt=0, le=1000)] = 15
    burst: Annotated[int, Field(ge=1, le=10_000)] = 30
    connections: Annotated[int, Field(ge=1, le=16)] = 4
    attempts: Annotated[int, Field(ge=1, le=20)] = 5
    connect_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 10
    read_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 60

    @field_validator("api_key")
    @classmethod
    def _sendable(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value()
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("a key as Ruddr shows it: one word, no line end")
        return key

    @field_validator("api_url")
    @classmethod
    def _encrypted(cls, value: str) -> str:
        """The key opens the whole workspace: it crosses the network in clear only to this machine."""
        address = urlsplit(value)
        if address.scheme not in {"http", "https"} or not address.hostname or address.query or address.fragment:
            raise ValueError("must be a full address that starts with https://")
        if address.username is not None:
            raise ValueError("must hold no user name or password")
        if address.scheme == "http" and address.hostname not in _LOOPBACK:
            raise ValueError("must start with https://")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _known_kinds(self) -> Self:
        for name, kinds in (("modes", self.modes.keys()), ("leave_out", self.leave_out)):
            strange = sorted(set(kinds) - set(KINDS))
            if strange:
                raise ValueError(f"{name}: Ruddr has no {', '.join(strange)}; it has {', '.join(sorted(KINDS))}")
        if Kind.CLIENT in self.leave_out:
            raise ValueError("leave_out: clients are always read; they also tell whether Ruddr's own link is on")
        no_writer = sorted({kind for kind, mode in self.modes.items() if mode == "api"} - WRITABLE)
        no_writer += sorted(self.creates - WRITABLE)
        if no_writer:
            raise ValueError(
                f"{', '.join(no_writer)} cannot be written through the API; what can: {', '.join(sorted(WRITABLE))}"
            )
        return self

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that are read."""
        return tuple(kind for kind in KINDS if kind not in self.leave_out)

    def mode(self, kind: Kind) -> Mode:
        """What becomes of a write of this kind."""
        return self.modes.get(kind, _BY_DEFAULT.get(kind, "none"))

    @property
    def timeout(self) -> tuple[float, float]:
        """Connect and read timeout, as requests takes them."""
        return (self.connect_timeout_seconds, self.read_timeout_seconds)
