"""How records are shown: most as they are stored, some with members that are made when they are read.

An entity's rules may have ``shown``: the links to an attachment's file carry the time of the request, for example.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from syncd.sandbox.book import Book, Record
from syncd.sandbox.rules import RULES
from syncd.sandbox.wire import Json, decode, encode

UNKNOWN_MEMBER = "AddedLater"
_UNKNOWN = b',"AddedLater":{"value":"1","name":"Nobody has heard of this"}}'


@runtime_checkable
class Shown(Protocol):
    """Rules of an entity with members that are made when a record is read."""

    def shown(self, viewer: Viewer, body: Json) -> Json:
        """What a reader gets for a stored record; the stored one stays as it is."""


_SHOWN: dict[str, Shown] = {name: rules for name, rules in RULES.items() if isinstance(rules, Shown)}


class Viewer:
    """One request's view of a book; ``base_url`` is where the caller reached the server."""

    def __init__(self, book: Book, base_url: str, include: frozenset[str] = frozenset(), unknown: bool = False) -> None:
        self.book = book
        self.base_url = base_url
        self.include = include
        self._unknown = unknown

    def raw(self, entity: str, record: Record) -> bytes:
        """The record as JSON."""
        return self._finished(encode(self.body(entity, record)) if self._is_made(entity) else record.raw)

    def body(self, entity: str, record: Record) -> Json:
        """The record decoded."""
        return self._made(entity, record.body) if self._is_made(entity) else record.body

    def answer(self, entity: str, raw: bytes) -> bytes:
        """The record as JSON, from what a write gave; what is deleted stays a stub."""
        if self._is_made(entity) or self._unknown:
            body: Json = decode(raw)
            if body.get("status") == "Deleted":
                return raw
            return self._finished(encode(self._made(entity, body)))
        return raw

    def _is_made(self, entity: str) -> bool:
        return entity in _SHOWN or (entity == "Invoice" and "invoicelink" in self.include)

    def _made(self, entity: str, body: Json) -> Json:
        if entity == "Invoice" and "invoicelink" in self.include:
            body = self._with_link(body)
        rules = _SHOWN.get(entity)
        return body if rules is None else rules.shown(self, body)

    def _with_link(self, invoice: Json) -> Json:
        """InvoiceLink: only for an invoice that can be paid online and has an e-mail address (entities.md 4.2)."""
        payable = invoice.get("AllowOnlineCreditCardPayment") or invoice.get("AllowOnlineACHPayment")
        if not payable or "BillEmail" not in invoice:
            return invoice
        link = f"{self.base_url}/portal/app/CommerceNetwork/view/{self.book.realm}-{invoice['Id']}"
        return {**invoice, "InvoiceLink": link}

    def _finished(self, raw: bytes) -> bytes:
        return raw[:-1] + _UNKNOWN if self._unknown and len(raw) > 2 else raw
