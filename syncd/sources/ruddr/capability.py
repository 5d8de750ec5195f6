"""What the API's records hold, kind by kind, and what becomes of a write."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from syncd.model.kinds import Kind
from syncd.model.spec import SPECS
from syncd.sources.base import KindCapability
from syncd.sources.ruddr import bodies
from syncd.sources.ruddr.probe import Prober
from syncd.sources.ruddr.settings import WRITABLE, RuddrSourceConfig

_NOT_HELD: Mapping[Kind, frozenset[str]] = MappingProxyType(
    {
        Kind.VENDOR: frozenset({"currency"}),
        Kind.INVOICE: frozenset({"transaction_number"}),
        Kind.CREDIT_NOTE: frozenset({"transaction_number"}),
        Kind.PAYMENT: frozenset({"credits"}),
        Kind.EXPENSE: frozenset({"reimbursed"}),
    }
)
"""What no row tells (ruddr-api.md 9): which credit notes a payment used, whether an expense was reimbursed."""


def capability(kind: Kind, config: RuddrSourceConfig, prober: Prober) -> KindCapability:
    """What is held of a kind. With ``worklist``, ``writable`` says what a person can be told to change."""
    spec = SPECS[kind]
    held = frozenset(spec.fields) - _NOT_HELD.get(kind, frozenset())
    held |= {f"line.{part}" for part in spec.line_fields}
    mode = config.mode(kind)
    verbs = prober.verbs(kind)
    writable: frozenset[str] = frozenset()
    if mode == "worklist":
        writable = held
    elif verbs and kind in WRITABLE:
        writable = held & bodies.fields_of(kind)
    return KindCapability(fields=held, writable=writable, verbs=verbs, feed=True, mode=mode)
