"""How an entity is described: members, who may write them, lengths, what queries may use (entities.md 0)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from syncd.sandbox import fields
from syncd.sandbox.fields import Field, anything
from syncd.sandbox.wire import Json

Links = Callable[[Json], Iterable[tuple[str, str]]]
"""From a stored record to the records (entity, Id) it hangs on, such as the invoices of a payment."""

NAME_MARKS = ":\t\n"


@dataclass(frozen=True)
class Spec:
    """What the machinery needs to know about one entity."""

    name: str
    members: Mapping[str, Field]
    family: str  # which Id counter it draws from (entities.md 1.1)
    is_list: bool = True  # a name list: deactivated, never deleted; hidden from queries when inactive
    name_field: str = ""
    operations: frozenset[str] = frozenset({"create", "update"})
    indexed: tuple[str, ...] = ()
    queryable: frozenset[str] = frozenset()
    known_only: frozenset[str] = frozenset()  # exists but may not be queried (protocol.md 4.3)
    total_count: bool = False  # do query answers carry totalCount (protocol.md 4.5)
    in_cdc: bool = True
    sparse: bool = True
    keyed: bool = True  # do answers carry Id and CreateTime (all but ExchangeRate, entities.md 1.1)
    links: Links | None = None  # what it hangs on; ``Book.holders`` answers the question the other way round
    numbers: str = ""  # the counter that gives out its DocNumbers (entities.md 1.7)

    @property
    def path(self) -> str:
        """The segment of the address."""
        return self.name.lower()


def rw(kind: fields.Kind) -> Field:
    """Optional and writable."""
    return Field(kind)


def once(kind: fields.Kind) -> Field:
    """Writable on create only."""
    return Field(kind, once=True)


TXN_TYPES = {
    **{
        name: name
        for name in (
            "Invoice", "CreditMemo", "Estimate", "Payment", "SalesReceipt", "RefundReceipt", "Bill", "VendorCredit",
            "PurchaseOrder", "BillPayment", "Deposit", "JournalEntry", "Purchase", "Transfer",
        )
    },
    "BillPaymentCheck": "BillPayment", "BillPaymentCreditCard": "BillPayment",
    "Expense": "Purchase", "Check": "Purchase", "CreditCardCredit": "Purchase",
}  # fmt: skip
"""TxnType in a LinkedTxn to entity (entities.md 1.6)."""


def linked_by_lines(body: Json) -> Iterable[tuple[str, str]]:
    """What the lines of a transaction name in their LinkedTxn."""
    for line in body.get("Line", []):
        for link in line.get("LinkedTxn", []):
            entity = TXN_TYPES.get(str(link.get("TxnType")))
            if entity is not None:
                yield entity, str(link.get("TxnId"))


RO = Field(anything, writable=False)
REF = rw(fields.reference)


def words(text: str) -> frozenset[str]:
    """Names written as one text."""
    return frozenset(text.split())


SYSTEM = dict.fromkeys(
    ("Id", "SyncToken", "MetaData", "domain", "sparse", "status", "CustomField", "AttachableRef"), RO
)
META = frozenset({"Id", "MetaData.CreateTime", "MetaData.LastUpdatedTime"})


def members(rows: Mapping[str, Field], readonly: str = "") -> dict[str, Field]:
    return {**SYSTEM, **dict.fromkeys(readonly.split(), RO), **rows}
