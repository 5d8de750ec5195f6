"""Finding out what became of a write whose answer was lost (correctness.md 2, rule 5): look, never repeat blindly.

A create is looked for by what makes it unmistakable and by its age: number, customer or vendor, day, lines, amount,
reference, credit used, name; created no earlier than shortly before it was sent. Anything else is looked up by id.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from syncd.model.kinds import Kind
from syncd.model.observations import Absent, Flawed, Present, Unknown
from syncd.model.values import text
from syncd.model.writes import Verb, WireWrite
from syncd.qbo import query, wire
from syncd.qbo.candidates import on_document
from syncd.qbo.codec import CODECS, PARTIES
from syncd.qbo.codec.bought import ACCOUNT_LINE, ITEM_LINE
from syncd.qbo.codec.lines import Detail, detail_of
from syncd.qbo.codec.parts import DELETED_SUFFIX, Times, party_id
from syncd.qbo.codec.payment import CREDIT_MEMO
from syncd.qbo.limiter import Priority
from syncd.qbo.lookup import READ_FAILED
from syncd.qbo.query import Listing
from syncd.qbo.wire import Json, Raw

CLOCKS_APART = timedelta(minutes=10)
"""By how much our clock and QBO's may differ, with the time a request may take."""

Decode = Callable[[Kind, Raw], "Present | Flawed"]
Read = Callable[[Kind, list[str]], "dict[str, Present | Flawed | Absent | Unknown]"]


_NAMES = dict.fromkeys(PARTIES, "DisplayName") | {Kind.ITEM: "Name"}
"""Kinds whose name makes them unmistakable, and where it stands."""


class _Dated(msgspec.Struct, rename="pascal"):
    meta_data: Times


class Recovery:
    """Looks for the outcome of one write."""

    def __init__(self, listing: Listing, decode: Decode, read: Read) -> None:
        self._listing = listing
        self._decode = decode
        self._read = read

    def look_up(self, write: WireWrite, sent_at: datetime) -> tuple[Present, ...] | Unknown:
        """What there is of this write. Empty: proven not to be there."""
        if write.verb is not Verb.CREATE:
            return self._by_id(write)
        body = wire.decode_object(write.body)
        try:
            rows = self._candidates(write.kind, body)
            ours = [row for row in rows if _is_ours(write.kind, body, row) and _age_fits(row, sent_at)]
            found = [self._decode(write.kind, row) for row in ours]
        except READ_FAILED as error:
            return Unknown(error.message)
        if any(isinstance(each, Flawed) for each in found):
            return Unknown("QuickBooks holds a record that fits but cannot be read.")
        return tuple(each for each in found if isinstance(each, Present))

    def _by_id(self, write: WireWrite) -> tuple[Present, ...] | Unknown:
        match self._read(write.kind, [write.qbo_id])[write.qbo_id]:
            case Present() as present:
                return (present,)
            case Absent():
                return ()
            case Flawed(problems=problems):
                return Unknown(" ".join(problem.text for problem in problems))
            case Unknown() as unknown:
                return unknown

    def _candidates(self, kind: Kind, body: Json) -> list[Raw]:
        """All rows that could be it; narrowed by QBO where that is certain, else by us."""
        entity = CODECS[kind].entity
        try:
            conditions = _conditions(kind, body)
        except query.Inexpressible:
            return [row for page in self._listing.everything(entity) for _, row in page]
        return self._listing.rows(entity, *conditions, priority=Priority.URGENT)


def _conditions(kind: Kind, body: Json) -> tuple[str, ...]:
    if kind is Kind.ATTACHMENT:
        return on_document(*_hangs_on(body))
    if kind in _NAMES:
        name = str(body[_NAMES[kind]])
        return (query.among(_NAMES[kind], (name, name + DELETED_SUFFIX)),)
    if body.get("DocNumber"):
        return (query.equals("DocNumber", str(body["DocNumber"])),)
    day = query.equals("TxnDate", str(body["TxnDate"]))
    if kind in _BY_DAY:
        return (day,)
    party = _party(kind)
    return (query.equals(party, party_id(body, party)), day)


def _is_ours(kind: Kind, body: Json, row: Raw) -> bool:
    """Whether what was sent and what is there are the same document, as far as QBO leaves a field as it was sent."""
    there = wire.decode_object(row)
    if kind is Kind.ATTACHMENT:
        same = there.get("FileName") == body["FileName"] and _hangs_on(there) == _hangs_on(body)
        return same and there.get("Tag", body["Tag"]) == body["Tag"]  # whether QBO keeps the mark is not recorded
    if kind in _NAMES:
        return text(str(there.get(_NAMES[kind], "")).removesuffix(DELETED_SUFFIX)) == text(body[_NAMES[kind]])
    party = _party(kind)
    if party_id(body, party) != party_id(there, party) or body["TxnDate"] != there.get("TxnDate"):
        return False
    if body.get("DocNumber") and body["DocNumber"] != there.get("DocNumber"):
        return False
    mark = _MARKS[CODECS[kind].entity]
    return mark(body) == mark(there)


_PARTY = {Kind.BILL: "VendorRef", Kind.PURCHASE: "EntityRef", Kind.PURCHASE_ORDER: "VendorRef"}
_BY_DAY = frozenset({Kind.PURCHASE, Kind.PURCHASE_ORDER})
"""Kinds that cannot be asked for by their party (entities.md 6.4, 6.5; protocol.md 3.5)."""


def _party(kind: Kind) -> str:
    return _PARTY.get(kind, "CustomerRef")


def _hangs_on(attachable: Json) -> tuple[str, str]:
    """The document that a file hangs on first: type and id."""
    refs = attachable.get("AttachableRef") or [{}]
    owner = refs[0].get("EntityRef") or {}
    return str(owner.get("type", "")), str(owner.get("value", ""))


def _received(payment: Json) -> tuple[object, ...]:
    """New money and reference; what moves no money is told by the credit it uses, for it has nothing else."""
    total = Decimal(payment.get("TotalAmt", 0))
    links = [link for line in payment.get("Line") or [] for link in line.get("LinkedTxn") or []]
    used = sorted(str(link.get("TxnId")) for link in links if link.get("TxnType") == CREDIT_MEMO)
    return total, text(payment.get("PaymentRefNum") or ""), () if total else tuple(used)


def _sold(form: Json) -> tuple[object, ...]:
    """Amounts of the billed lines, in any order, with tax where the price contains it. Tax beside them may be QBO's
    own and is left out."""
    sold = [line for line in form.get("Line") or [] if detail_of(line.get("DetailType", "")) is Detail.SALES]
    gross = [(line.get(Detail.SALES) or {}).get("TaxInclusiveAmt", line.get("Amount", 0)) for line in sold]
    return tuple(sorted(Decimal(amount) for amount in gross))


def _bought(bill: Json) -> tuple[object, ...]:
    """Accounts or items and amounts of the lines, in any order."""
    lines = [
        (
            party_id(line.get(ACCOUNT_LINE) or {}, "AccountRef") or party_id(line.get(ITEM_LINE) or {}, "ItemRef"),
            Decimal(line.get("Amount", 0)),
        )
        for line in bill.get("Line") or []
    ]
    return tuple(sorted(lines))


_MARKS: dict[str, Callable[[Json], tuple[object, ...]]] = {
    "Invoice": _sold,
    "CreditMemo": _sold,
    "Payment": _received,
    "Bill": _bought,
    "Purchase": _bought,
    "PurchaseOrder": _bought,
}


def _age_fits(row: Raw, sent_at: datetime) -> bool:
    """Created no earlier than shortly before it was sent. Without a readable time it may be ours."""
    try:
        created = msgspec.json.decode(row, type=_Dated).meta_data.create_time or ""
        return wire.parse_time(created) >= sent_at - CLOCKS_APART
    except (ValueError, *wire.BAD_JSON):
        return True
