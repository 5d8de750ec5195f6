"""A source whose invoices and credit notes show as they go out: tax and discount as lines of their own (O-29), and
with the address of the client's billing contact where they name none (O-18). Everything else goes through.

It is done before anything is compared, so that the two sides are compared as what they are meant to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec
from msgspec import UNSET

from syncd.model.facts import Settings
from syncd.model.kinds import Kind
from syncd.model.observations import Absent, Flawed, Present
from syncd.model.records.forms import CreditNote, Form, Invoice, Line
from syncd.model.records.lists import Client
from syncd.model.writes import Outcome, Refused, SourceWrite
from syncd.sources.base import Finding, KindCapability, LoggedWrite, Source, SourceChanges

FORMS = (Kind.INVOICE, Kind.CREDIT_NOTE)
_MONEY = frozenset({"lines", "discount", "tax", "tax_rate", "total"})
_CHUNK = 500
_ZERO = Decimal(0)


def presented(record: Form, settings: Settings) -> Form:
    """A document as it goes out. What cannot be said as a line stays what it is; ``model.checks`` then holds it."""
    if settings.tax_mode != "line":
        return record
    lines = [msgspec.structs.replace(line, taxable=False) for line in record.lines]
    tax, discount = _amount(record.tax), _amount(record.discount)
    if discount and settings.discount_item:
        lines.append(Line(-discount, item_name=settings.discount_item, description="Discount", taxable=False))
        record = msgspec.structs.replace(record, discount=_ZERO)
    if tax and settings.tax_item and record.tax_inclusive is not True:
        lines.append(Line(tax, item_name=settings.tax_item, description="Tax", taxable=False))
        record = msgspec.structs.replace(record, tax=_ZERO, tax_rate=UNSET, tax_code=UNSET)
    return msgspec.structs.replace(record, lines=tuple(lines))


def _amount(value: object) -> Decimal:
    return value if isinstance(value, Decimal) else _ZERO


class PresentedSource:
    """A source whose documents show as they go out."""

    def __init__(self, inner: Source, settings: Settings, *, contact_emails: bool) -> None:
        self._inner = inner
        self._settings = settings
        self._with_contacts = contact_emails and Kind.CLIENT in inner.capabilities()

    # ---- what it is

    def identity(self) -> str:
        """That of the source itself."""
        return self._inner.identity()

    def scope(self) -> str:
        """That of the source itself; how documents show is in the settings."""
        return self._inner.scope()

    def capabilities(self) -> Mapping[Kind, KindCapability]:
        """Those of the source itself, with addresses on invoices where clients have one."""
        found = dict(self._inner.capabilities())
        invoice = found.get(Kind.INVOICE)
        if self._with_contacts and invoice is not None and "email" in found[Kind.CLIENT].fields:
            found[Kind.INVOICE] = msgspec.structs.replace(invoice, fields=invoice.fields | {"emails"})
        return found

    def check(self) -> list[Finding]:
        """That of the source itself."""
        return self._inner.check()

    def close(self) -> None:
        """Give back connections."""
        self._inner.close()

    # ---- reading

    def needs_keys(self, watermark: str) -> frozenset[Kind]:
        """That of the source itself."""
        return self._inner.needs_keys(watermark)

    def changes(self, watermark: str, known: Mapping[Kind, frozenset[str]] | None = None) -> SourceChanges:
        """What changed, as it goes out."""
        seen = self._inner.changes(watermark, known)
        shown: dict[Kind, Mapping[str, Present | Flawed]] = dict(seen.changed)
        for kind in FORMS:
            if kind in shown:
                shown[kind] = {key: _known(each) for key, each in self._shown(shown[kind]).items()}
        return msgspec.structs.replace(seen, changed=shown)

    def read(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, Present | Flawed | Absent]:
        """These records, as they go out."""
        found = self._inner.read(kind, ids)
        return self._shown(found) if kind in FORMS else found

    def scan(self, kind: Kind) -> Iterator[Present | Flawed]:
        """Every record of a kind, as it goes out."""
        if kind not in FORMS:
            yield from self._inner.scan(kind)
            return
        chunk: dict[str, Present | Flawed] = {}
        for each in self._inner.scan(kind):
            chunk[each.record.id if isinstance(each, Present) else each.id] = each
            if len(chunk) >= _CHUNK:
                yield from map(_known, self._shown(chunk).values())
                chunk = {}
        yield from map(_known, self._shown(chunk).values())

    def _shown(self, found: Mapping[str, Present | Flawed | Absent]) -> dict[str, Present | Flawed | Absent]:
        records = [each.record for each in found.values() if isinstance(each, Present)]
        addresses = self._addresses(record for record in records if isinstance(record, Invoice))
        return {key: self._one(each, addresses) for key, each in found.items()}

    def _one(self, seen: Present | Flawed | Absent, addresses: Mapping[str, str]) -> Present | Flawed | Absent:
        record = seen.record if isinstance(seen, Present) else None
        if not isinstance(seen, Present) or not isinstance(record, Invoice | CreditNote):
            return seen
        if isinstance(record, Invoice) and record.client in addresses and not record.emails:
            record = msgspec.structs.replace(record, emails=addresses[record.client])
        return msgspec.structs.replace(seen, record=presented(record, self._settings))

    def _addresses(self, invoices: Iterable[Invoice]) -> dict[str, str]:
        """The addresses of the clients of those invoices that name none themselves."""
        wanted = sorted({each.client for each in invoices if not each.emails}) if self._with_contacts else []
        found: dict[str, str] = {}
        for start in range(0, len(wanted), _CHUNK):
            for key, seen in self._inner.read(Kind.CLIENT, wanted[start : start + _CHUNK]).items():
                record = seen.record if isinstance(seen, Present) else None
                if isinstance(record, Client) and isinstance(record.email, str):
                    found[key] = record.email
        return found

    # ---- writing

    def write(self, writes: Sequence[SourceWrite]) -> Sequence[Outcome]:
        """Lines that were made of tax and discount cannot be told from others on the way back: that is refused."""
        changed = [self._settings.tax_mode == "line" and _is_money(write) for write in writes]
        answers = iter(self._inner.write([w for w, no in zip(writes, changed, strict=True) if not no]))
        return [_REFUSED if no else next(answers) for no in changed]

    def settled(self, journal_ids: Sequence[str]) -> Mapping[str, str]:
        """That of the source itself."""
        return self._inner.settled(journal_ids)

    def last_writes(self, limit: int) -> Sequence[LoggedWrite]:
        """That of the source itself."""
        return self._inner.last_writes(limit)


_REFUSED = Refused(
    code="tax-mode",
    text="Tax and discount go out as lines, so amounts that were changed in QuickBooks cannot be taken back.",
    remedy="Enter the change in the source by hand.",
)


def _is_money(write: SourceWrite) -> bool:
    return write.kind in FORMS and bool(_MONEY.intersection(write.fields))


def _known(seen: Present | Flawed | Absent) -> Present | Flawed:
    """What was listed is not absent."""
    assert not isinstance(seen, Absent)  # noqa: S101 - it came from a list of what is there
    return seen
