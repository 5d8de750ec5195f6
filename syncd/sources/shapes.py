"""What a source's records are made of, kind by kind: one table for every adapter.

A kind that is not here (a bill, a purchase) is offered by no source itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from syncd.model.kinds import Kind, State
from syncd.model.observations import Problem
from syncd.model.records.files import Attachment
from syncd.model.records.forms import CreditNote, Estimate, Invoice, Line
from syncd.model.records.lists import Category, Client, Item, PaymentMethod, Project, TaxCode, Vendor
from syncd.model.records.payments import Allocation, CreditApplication, CreditUse, Payment
from syncd.model.records.purchases import BillLine, Expense, PurchaseOrder
from syncd.model.writes import Verb
from syncd.sources import whole


class Part(msgspec.Struct, frozen=True):
    """Parts of a record that have rows of their own.

    ``member`` is the record's member and the key of the mapping. ``refers``: the field that names another record, and
    of which kind. ``keyed``: a part is known by what it refers to; otherwise by its own key and content.
    """

    member: str
    make: type[Any]
    refers: tuple[str, Kind]
    keyed: bool = True


class Shape(msgspec.Struct, frozen=True):
    """What an adapter needs to know of a kind.

    ``verbs``: what can be written at most. ``only``: the fields that can be, where not all. ``refers``: the fields
    that name other records, and of which kind. ``problems``: what can be wrong with a record as a whole.
    ``living``: the state of a record that lives, as the source knows it.
    """

    make: type[Any]
    verbs: frozenset[Verb] = frozenset()
    only: frozenset[str] | None = None
    refers: tuple[tuple[str, Kind], ...] = ()
    parts: tuple[Part, ...] = ()
    problems: Callable[[Any], list[Problem]] | None = None
    living: State = State.LIVE

    @property
    def has_external_id(self) -> bool:
        """Whether the record has room for QBO's id."""
        return "external_id" in self.make.__struct_fields__


_PARTY = frozenset({Verb.CREATE, Verb.UPDATE, Verb.DEACTIVATE})
_MONEY = frozenset({Verb.CREATE, Verb.UPDATE, Verb.VOID, Verb.DELETE})
_FORM = _MONEY | {Verb.WITHDRAW}
_CLIENT = ("client", Kind.CLIENT)
_PROJECT = ("project", Kind.PROJECT)
_LINES = Part("lines", Line, ("item", Kind.ITEM), keyed=False)
_ORDERED = Part("lines", BillLine, ("item", Kind.ITEM), keyed=False)
_ALLOCATIONS = Part("allocations", Allocation, ("invoice", Kind.INVOICE))
_CREDITS = Part("credits", CreditUse, ("credit_note", Kind.CREDIT_NOTE))

SHAPES: Mapping[Kind, Shape] = MappingProxyType(
    {
        Kind.ITEM: Shape(Item),
        Kind.TAX_CODE: Shape(TaxCode),
        Kind.PAYMENT_METHOD: Shape(PaymentMethod),
        Kind.CATEGORY: Shape(Category),
        Kind.CLIENT: Shape(Client, _PARTY),
        Kind.PROJECT: Shape(Project, refers=(_CLIENT,)),
        Kind.VENDOR: Shape(Vendor),
        Kind.ESTIMATE: Shape(
            Estimate, _FORM, refers=(_CLIENT,), parts=(_LINES,), problems=whole.form_problems, living=State.PUBLISHED
        ),
        Kind.INVOICE: Shape(
            Invoice,
            _FORM,
            refers=(_CLIENT, _PROJECT),
            parts=(_LINES,),
            problems=whole.form_problems,
            living=State.PUBLISHED,
        ),
        Kind.CREDIT_NOTE: Shape(
            CreditNote,
            _FORM,
            refers=(_CLIENT, _PROJECT),
            parts=(_LINES,),
            problems=whole.form_problems,
            living=State.PUBLISHED,
        ),
        Kind.PAYMENT: Shape(
            Payment,
            _MONEY,
            refers=(_CLIENT, _PROJECT, ("method", Kind.PAYMENT_METHOD)),
            parts=(_ALLOCATIONS, _CREDITS),
            problems=whole.payment_problems,
        ),
        Kind.CREDIT_APPLICATION: Shape(
            CreditApplication,
            _MONEY,
            refers=(_CLIENT, ("credit_note", Kind.CREDIT_NOTE)),
            parts=(_ALLOCATIONS,),
            problems=whole.credit_application_problems,
        ),
        Kind.EXPENSE: Shape(
            Expense,
            frozenset({Verb.UPDATE}),
            only=frozenset({"reimbursed"}),  # all that ever comes back
            refers=(("vendor", Kind.VENDOR), ("category", Kind.CATEGORY), ("project", Kind.PROJECT)),
        ),
        Kind.PURCHASE_ORDER: Shape(PurchaseOrder, refers=(("vendor", Kind.VENDOR),), parts=(_ORDERED,)),  # only read
        Kind.ATTACHMENT: Shape(Attachment),  # only read
    }
)
"""In the order of work."""

PARTS = frozenset(part.member for shape in SHAPES.values() for part in shape.parts)
"""Members of records that are rows of their own."""
