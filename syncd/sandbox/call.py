"""One call of the accounting API and what goes back, without HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from syncd.sandbox.faults import FaultError
from syncd.sandbox.injection import Target
from syncd.sandbox.ledger import Entry

JSON = "application/json;charset=UTF-8"
XML = "application/xml;charset=UTF-8"


@dataclass
class Call:
    """One request to ``/v3/company/{realm}/...``."""

    method: str
    realm: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes
    at: float
    entry: Entry
    base_url: str = ""
    endpoint: str = ""
    entity: str = ""
    operation: str = ""
    record_id: str = ""
    extra: str = ""  # what follows the Id: send or pdf
    content: Any = None
    broken: FaultError | None = None  # the body could not be read
    items: list[Target] = field(default_factory=list)  # what the items of a batch are

    @property
    def json(self) -> bool:
        """Does the caller accept JSON?"""
        return "json" in self.headers.get("accept", "").lower()

    @property
    def content_type(self) -> str:
        """The media type of the body, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def include(self) -> frozenset[str]:
        """The flags of the include parameter."""
        return frozenset(part.strip().lower() for part in self.params.get("include", "").split(",") if part.strip())

    @property
    def writes(self) -> bool:
        """May it change the books, so that a requestid means something (protocol.md 7)?"""
        return self.method == "POST" and self.endpoint not in ("query", "batch", "")

    def folded_params(self) -> dict[str, str]:
        """The parameters by lower-case name, for endpoints whose clients differ in spelling."""
        return {name.lower(): value for name, value in self.params.items()}


@dataclass
class Reply:
    """What goes back."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
