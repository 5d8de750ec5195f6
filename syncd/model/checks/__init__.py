"""What QBO would refuse, lose or book differently, found before anything is planned. Pure; knows only the record.

Each problem is one sentence for a bookkeeper with the remedy. Nothing is repaired here and nothing is cut silently:
a document that cannot be carried over to the cent is held (correctness over convenience, C-R11, C-R12, F-18).
"""

from __future__ import annotations

from syncd.model.checks import files, forms, lists, payments, purchases
from syncd.model.facts import BooksFacts, Settings
from syncd.model.observations import Problem
from syncd.model.records import Record
from syncd.model.records.files import Attachment
from syncd.model.records.forms import CreditNote, Estimate, Invoice
from syncd.model.records.lists import Client, Item, Project, Vendor
from syncd.model.records.payments import CreditApplication, Payment
from syncd.model.records.purchases import Bill, Purchase, PurchaseOrder


def problems(record: Record, facts: BooksFacts, settings: Settings) -> tuple[Problem, ...]:
    """Every reason why ``record`` cannot be written to this company as it is; empty when it can."""
    match record:
        case Item():
            found = lists.item(record, settings)
        case Client() | Vendor():
            found = lists.party(record, facts, settings)
        case Project():
            found = lists.project(record, facts)
        case Invoice() | Estimate() | CreditNote():
            found = forms.form(record, facts, settings)
        case Payment():
            found = payments.payment(record, facts) + payments.named_account(record, settings)
        case CreditApplication():
            found = payments.credit_application(record, facts)
        case Bill():
            found = purchases.bill(record, facts)
        case Purchase():
            found = purchases.purchase(record, facts, settings)
        case PurchaseOrder():
            found = purchases.purchase_order(record, facts)
        case Attachment():
            found = files.attachment(record)
        case _:
            found = []
    return tuple(found)
