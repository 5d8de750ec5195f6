"""The canonical records: one immutable shape per kind, whichever side it was read from. A module for each sort of kind.

Ids and references are those of the side the record was read from: an invoice read from the source names its client by
the source's id, the same invoice read from QBO by QBO's. The lens (``syncd.model.lens``) brings both into one space.

``UNSET`` means that this side does not hold the field at all (a mapped table without a notes column): no opinion,
which is something else than empty text and something else than an unread record.
"""

from __future__ import annotations

from typing import TypeAlias

from syncd.model.records.files import Attachment
from syncd.model.records.forms import CreditNote, Estimate, Invoice
from syncd.model.records.lists import Category, Client, Item, PaymentMethod, Project, TaxCode, Vendor
from syncd.model.records.payments import CreditApplication, Payment
from syncd.model.records.purchases import Bill, Expense, Purchase, PurchaseOrder

Record: TypeAlias = (
    Item
    | TaxCode
    | PaymentMethod
    | Category
    | Project
    | Client
    | Vendor
    | Invoice
    | CreditNote
    | Estimate
    | Payment
    | CreditApplication
    | Expense
    | Bill
    | Purchase
    | PurchaseOrder
    | Attachment
)
