"""The lens: both sides as QBO would hold them, so that what one side cannot hold is never taken for an edit.

A record of the source is pushed through what QBO can store (limits, rounding, references to QBO's ids); a record of
QBO is reduced to the fields that the source holds. Two projections are then equal or they are not; there is no
tolerance. Projections are dictionaries of canonical text, which makes them base, fingerprint and display in one.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from syncd.model import values
from syncd.model.facts import BooksFacts, Settings
from syncd.model.records import UNSET, Client, Invoice, Item, Kind, Line, Payment, Record
from syncd.model.spec import DESCRIPTION_LIMIT, NOTES_LIMIT, NUMBER_LIMIT, PAYMENT_NOTES_LIMIT, REFERENCE_LIMIT
from syncd.model.values import Canonical

Projection = dict[str, Canonical]
Refs = Callable[[Kind, str], str]
"""Turns an id of the source into the id that QBO knows the record by; ``pending`` ids stand for records to come."""

DEFAULT_ITEM_KEY = "default"
ZERO = Decimal(0)


def pending(kind: Kind, source_id: str) -> str:
    """Stands for the QBO id of a record that does not exist in QBO yet."""
    return f"+{kind}:{source_id}"


def is_pending(reference: str) -> bool:
    """Whether a reference stands for a record that is not in QBO yet."""
    return reference.startswith("+")


def item_key(line: Line) -> str:
    """The id under which a line's item is linked: its own id, else its name, else the default item."""
    if line.item:
        return line.item
    if line.item_name.strip():
        return f"name:{values.name_key(line.item_name)}"
    return DEFAULT_ITEM_KEY


def _same(_kind: Kind, reference: str) -> str:
    return reference


class Lens:
    """Projects records of one company: knows what the source holds, what QBO is set to, and how ids translate."""

    def __init__(self, held: dict[Kind, frozenset[str]], facts: BooksFacts, settings: Settings) -> None:
        self._held = held
        self._home = facts.home_currency
        self._with_tax = facts.sales_tax
        self._with_discount = bool(settings.discount_account)
        self._projectors: dict[Kind, Callable[[Record, Refs | None], Projection]] = {
            Kind.CLIENT: self._client,
            Kind.ITEM: self._item,
            Kind.INVOICE: self._invoice,
            Kind.PAYMENT: self._payment,
        }

    def source(self, kind: Kind, record: Record, refs: Refs) -> Projection:
        """A record of the source as QBO would hold it."""
        return self._projectors[kind](record, refs)

    def qbo(self, kind: Kind, record: Record) -> Projection:
        """A record of QBO, reduced to what the source holds."""
        return self._projectors[kind](record, None)

    def currency(self, record: Record) -> str:
        """The currency of a record; the company's own where it names none."""
        currency = getattr(record, "currency", UNSET)
        return currency if isinstance(currency, str) and currency else self._home

    def _client(self, record: Record, refs: Refs | None) -> Projection:
        assert isinstance(record, Client)  # noqa: S101 - the dispatch table pairs kinds and types
        full: Projection = {
            "name": values.text(record.name).removesuffix(" (deleted)"),
            "currency": self.currency(record),
            "email": values.text(record.email) if record.email is not UNSET else "",
        }
        return self._keep(Kind.CLIENT, full)

    def _item(self, record: Record, refs: Refs | None) -> Projection:
        assert isinstance(record, Item)  # noqa: S101 - as above
        return {"name": values.text(record.name)}

    def _invoice(self, record: Record, refs: Refs | None) -> Projection:
        assert isinstance(record, Invoice)  # noqa: S101 - as above
        currency = self.currency(record)
        total = record.total
        tax = record.tax if record.tax is not UNSET else ZERO
        discount = record.discount if record.discount is not UNSET else ZERO
        if refs is not None:
            if not self._with_tax:
                total, tax = total - tax, ZERO
            if not self._with_discount:
                total, discount = total + discount, ZERO
        resolve = refs or _same
        full: Projection = {
            "number": values.cut(values.text(record.number), NUMBER_LIMIT) if record.number is not UNSET else "",
            "client": resolve(Kind.CLIENT, record.client),
            "issue_date": record.issue_date.isoformat(),
            "due_date": record.due_date.isoformat() if record.due_date is not UNSET else "",
            "currency": currency,
            "lines": self._lines(record.lines, currency, refs),
            "discount": values.money(discount, currency),
            "tax": values.money(tax, currency),
            "total": values.money(total, currency),
            "notes": values.cut(values.text(record.notes), NOTES_LIMIT) if record.notes is not UNSET else "",
        }
        return self._keep(Kind.INVOICE, full)

    def _lines(self, lines: tuple[Line, ...], currency: str, refs: Refs | None) -> Canonical:
        held = self._held[Kind.INVOICE]
        with_item = "line.item" in held
        with_text = "line.description" in held
        with_rate = "line.quantity" in held and "line.rate" in held
        with_taxable = self._with_tax and "line.taxable" in held
        rows = []
        for line in lines:
            amount = values.money(line.amount, currency)
            quantity = rate = ""
            if is_text(line):
                rows.append(("", _text(line, with_text), "", "", amount, ""))
                continue
            if with_rate:
                quantity, rate = _quantity_and_rate(line, currency)
            item = ""
            if with_item:
                item = refs(Kind.ITEM, item_key(line)) if refs is not None else line.item
            taxable = ""
            if with_taxable and line.taxable is not UNSET:
                taxable = "yes" if line.taxable else "no"
            rows.append((item, _text(line, with_text), quantity, rate, amount, taxable))
        rows.sort()
        return tuple(rows)

    def _payment(self, record: Record, refs: Refs | None) -> Projection:
        assert isinstance(record, Payment)  # noqa: S101 - as above
        currency = self.currency(record)
        resolve = refs or _same
        allocations = sorted(
            (resolve(Kind.INVOICE, part.invoice), values.money(part.amount, currency)) for part in record.allocations
        )
        full: Projection = {
            "client": resolve(Kind.CLIENT, record.client),
            "date": record.date.isoformat(),
            "amount": values.money(record.amount, currency),
            "currency": currency,
            "allocations": tuple(allocations),
            "reference": values.cut(values.text(record.reference), REFERENCE_LIMIT)
            if record.reference is not UNSET
            else "",
            "notes": values.cut(values.text(record.notes), PAYMENT_NOTES_LIMIT) if record.notes is not UNSET else "",
        }
        return self._keep(Kind.PAYMENT, full)

    def _keep(self, kind: Kind, full: Projection) -> Projection:
        held = self._held.get(kind, frozenset())
        return {name: value for name, value in full.items() if name in held}


def is_text(line: Line) -> bool:
    """A line of text only, without item, quantity and amount; QBO keeps it as such (entities.md 4.1)."""
    quantity = line.quantity if line.quantity is not UNSET else ZERO
    return not line.amount and not quantity and not line.item and not line.item_name


def _quantity_and_rate(line: Line, currency: str) -> tuple[str, str]:
    """Both, if QBO would take them for the amount; else neither, since then only the amount is sent."""
    if line.quantity is UNSET or line.rate is UNSET:
        return "", ""
    if not values.explains(line.quantity, line.rate, values.round_money(line.amount, currency)):
        return "", ""
    return values.number(line.quantity), values.number(line.rate)


def _text(line: Line, held: bool) -> str:
    if not held or line.description is UNSET:
        return ""
    return values.cut(values.text(line.description), DESCRIPTION_LIMIT)


def differing(left: Projection, right: Projection) -> frozenset[str]:
    """The fields in which two projections differ. A field that only one of them has is no difference."""
    return frozenset(name for name in left.keys() & right.keys() if left[name] != right[name])


def references(record: Record) -> frozenset[tuple[Kind, str]]:
    """The records (kind, id on the record's own side) that must exist in QBO before this one can be written."""
    if isinstance(record, Invoice):
        items = frozenset((Kind.ITEM, item_key(line)) for line in record.lines if not is_text(line))
        return items | {(Kind.CLIENT, record.client)}
    if isinstance(record, Payment):
        invoices = frozenset((Kind.INVOICE, part.invoice) for part in record.allocations)
        return invoices | {(Kind.CLIENT, record.client)}
    return frozenset()


def label(record: Record) -> str:
    """How a person knows the record: its number, name or reference."""
    match record:
        case Client() | Item():
            return record.name
        case Invoice():
            return record.number if isinstance(record.number, str) and record.number else f"#{record.id}"
        case Payment():
            return record.reference if isinstance(record.reference, str) and record.reference else f"#{record.id}"
