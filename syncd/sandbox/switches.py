"""Switches for behaviour that QBO does not document, or that a test wants otherwise (protocol.md 14 and 15).

The defaults are the stricter reading: a client that survives them survives the other setting too.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, get_args, get_type_hints

Throttle = ("exact", "lenient", "off")

_CHOICES: dict[str, tuple[str, ...]] = {
    "throttle": Throttle,
    "throttle_body": ("json_lower", "json_title", "xml", "empty"),
    "missing_accept": ("xml", "refuse"),
    "cdc_cap": ("total", "entity"),
    "cdc_too_old": ("error", "clamp"),
    "cdc_since": ("inclusive", "exclusive"),
    "requestid_mismatch": ("replay", "600"),
    "refresh_grace": ("0", "24h", "revoke-on-reuse"),
    "naive_times": ("pacific", "utc"),
    "default_order": ("id_desc", "id"),
    "derived_balances": ("still", "time"),
    "overpayment": ("cap", "refuse"),
    "delete_paid_invoice": ("unapply", "refuse"),
    "omitted_currency": ("home", "customer"),
}


@dataclass
class Switches:
    """All switches of a server; changed with ``PATCH /_sandbox/switches``."""

    throttle: str = "exact"
    """exact: every limit of protocol.md 3.1; lenient: the per-minute ones only; off."""
    throttle_body: str = "json_lower"
    """Form of a 429 body (protocol.md 3.2)."""
    requests_per_minute: int = 500
    requests_per_second: int = 10
    batches_per_minute_app: int = 40
    batches_per_minute_realm: int = 120
    missing_accept: str = "xml"
    """What a request that does not accept JSON gets: XML, as from QBO, or a refusal (protocol.md 1.3)."""
    cdc_cap: str = "total"
    """Does the cap of 1,000 hold for the whole answer or for each entity (protocol.md 5.5)."""
    cdc_limit: int = 1000
    cdc_too_old: str = "error"
    """changedSince more than 30 days ago: a fault, or silently the last 30 days (protocol.md 5.5)."""
    cdc_since: str = "inclusive"
    cdc_shuffle: bool = True
    """Give the groups in another order than asked (protocol.md 5.2)."""
    cdc_lag_seconds: float = 0.0
    """Hide changes from CDC until they are so old (protocol.md 5.7)."""
    batch_shuffle: bool = True
    """Answer the items of a batch in another order than sent (protocol.md 6.2)."""
    requestid_ttl_seconds: float = 86_400.0
    requestid_faults: bool = False
    """Are faults remembered and replayed too (protocol.md 7)."""
    requestid_mismatch: str = "replay"
    """The same requestid with another body: the first answer again, or fault 600."""
    refresh_grace: str = "0"
    """A superseded refresh token: refused at once, good for 24 h, or ends the grant (protocol.md 2.5)."""
    naive_times: str = "pacific"
    """How a time without offset is read (protocol.md 4.4)."""
    default_order: str = "id_desc"
    """Order of transactions in a query without ORDERBY (protocol.md 4.2)."""
    derived_balances: str = "still"
    """time: a customer's LastUpdatedTime moves with the balance, the SyncToken never does (protocol.md 5.4)."""
    noop_update_bumps: bool = True
    """Does an update that changes nothing raise the SyncToken (protocol.md 8.2, entities.md 1.2)."""
    sparse_payment: bool = False
    """Accept a sparse update of a Payment (refused live, entities.md 1.3)."""
    overpayment: str = "cap"
    """A payment line above the open balance: cut to it, the rest unapplied, or refused (entities.md 5.2)."""
    delete_paid_invoice: str = "unapply"
    """Deleting an invoice that has payments: they become unapplied, or it is refused (entities.md 4.3)."""
    omitted_currency: str = "home"
    """CurrencyRef left out in a multicurrency company: the home currency (so 6000 for a foreign customer), or the
    customer's (entities.md 12, item 6)."""
    duplicate_name_id: bool = False
    """Append the holder's Id to the Detail of 6240 (entities.md 3.1)."""

    def public(self) -> dict[str, Any]:
        """All switches with their values."""
        return asdict(self)

    def change(self, wanted: dict[str, Any]) -> None:
        """Set several at once; ValueError names every bad one and nothing is set."""
        hints = get_type_hints(type(self))
        known = {item.name for item in fields(self)}
        problems = []
        for name, value in wanted.items():
            if name not in known:
                problems.append(f"unknown switch {name}")
                continue
            kinds = (int, float) if hints[name] is float else get_args(hints[name]) or (hints[name],)
            if not isinstance(value, kinds) or (isinstance(value, bool) and hints[name] is not bool):
                problems.append(f"{name} must be {hints[name].__name__}")
            elif name in _CHOICES and value not in _CHOICES[name]:
                problems.append(f"{name} must be one of {', '.join(_CHOICES[name])}")
        if problems:
            raise ValueError("; ".join(problems))
        for name, value in wanted.items():
            setattr(self, name, value)
