"""One table that says what a kind is made of: its fields, what it refers to, and its place in the order of work.

Adding a kind adds a record in ``records.py``, a row here, a codec in ``qbo/``, a mapping in ``sources/`` and rows in
the profiles; the reconciler, the cycle and the executor read this table and know no kind by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from syncd.model.records import Kind


class KindSpec(msgspec.Struct, frozen=True):
    """What the engine knows of a kind.

    ``fields``: the owned fields in the order they are shown. ``line_fields``: parts of the field ``lines``.
    ``needs``: kinds that must be linked before a record of this kind can be written.
    ``money_fields``: fields whose difference is money. ``decisive``: others whose difference after a write is no mere
    reformatting either (whose document it is, and when). ``fixed``: fields QBO never lets change after creation.
    ``coupled``: fields that hang together, so that a change of one is a change of all. ``dates``: the fields that
    decide in which accounting period it falls. ``transaction``: whether QBO can delete it (lists can only be
    deactivated, entities.md 1.5). ``voidable``: whether QBO documents a void. ``link_only``: matched, never written.
    """

    kind: Kind
    fields: tuple[str, ...]
    line_fields: tuple[str, ...] = ()
    needs: tuple[Kind, ...] = ()
    money_fields: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    decisive: tuple[str, ...] = ()
    coupled: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    transaction: bool = False
    voidable: bool = False
    link_only: bool = False
    plural: str = ""


_SPECS = (
    KindSpec(kind=Kind.ITEM, fields=("name",), link_only=True, plural="items"),
    KindSpec(
        kind=Kind.CLIENT,
        fields=("name", "currency", "email"),
        fixed=("currency",),
        plural="clients",
    ),
    KindSpec(
        kind=Kind.INVOICE,
        fields=(
            "number",
            "client",
            "issue_date",
            "due_date",
            "currency",
            "lines",
            "discount",
            "tax",
            "total",
            "notes",
        ),
        line_fields=("item", "description", "quantity", "rate", "amount", "taxable"),
        needs=(Kind.CLIENT, Kind.ITEM),
        money_fields=("currency", "lines", "discount", "tax", "total"),
        decisive=("client", "issue_date"),
        coupled=("lines", "discount", "tax", "total"),
        dates=("issue_date",),
        fixed=("currency",),
        transaction=True,
        voidable=True,
        plural="invoices",
    ),
    KindSpec(
        kind=Kind.PAYMENT,
        fields=("client", "date", "amount", "currency", "allocations", "reference", "notes"),
        needs=(Kind.CLIENT, Kind.INVOICE),
        money_fields=("currency", "amount", "allocations"),
        decisive=("client", "date"),
        coupled=("amount", "allocations"),
        dates=("date",),
        fixed=("currency",),
        transaction=True,
        voidable=True,
        plural="payments",
    ),
)

SPECS: Mapping[Kind, KindSpec] = MappingProxyType({spec.kind: spec for spec in _SPECS})
"""Every kind, in the order of work: what is needed comes before what needs it."""

ORDER: Mapping[Kind, int] = MappingProxyType({spec.kind: place for place, spec in enumerate(_SPECS)})
"""Place of a kind in the order of creating and changing; removals go the other way."""

NOTES_LIMIT = 1000
"""CustomerMemo (entities.md 1.6, R-10)."""
PAYMENT_NOTES_LIMIT = 4000
REFERENCE_LIMIT = 21
NUMBER_LIMIT = 21
NAME_LIMIT = 100
DESCRIPTION_LIMIT = 4000
TAXABLE_LINE_LIMIT = 750
LINE_LIMIT = 10_000
