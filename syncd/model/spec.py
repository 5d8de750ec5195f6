"""One table that says what a kind is made of: its fields, what it refers to, and its place in the order of work.

Adding a kind adds a record in ``records/``, a row here, a codec in ``qbo/``, a mapping in ``sources/`` and rows in
the profiles; the reconciler, the cycle and the executor read this table and know no kind by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from syncd.model.kinds import Kind


class KindSpec(msgspec.Struct, frozen=True):
    """What the engine knows of a kind.

    ``fields``: the owned fields in the order they are shown. ``line_fields``: parts of the field ``lines``.
    ``needs``: kinds that must be linked before a record of this kind can be written.
    ``money_fields``: fields whose difference is money. ``decisive``: others whose difference after a write is no mere
    reformatting either (whose document it is, and when). ``fixed``: fields QBO never lets change after creation.
    ``coupled``: fields that hang together, so that a change of one is a change of all. ``dates``: the fields that
    decide in which accounting period it falls. ``transaction``: whether QBO can delete it (lists can only be
    deactivated, entities.md 1.5). ``voidable``: whether QBO documents a void. ``link_only``: matched, never written
    (unless the policy has verbs for it: ``Policy.only_matched``).
    ``optional``: what has no counterpart in QBO is left out there, and nothing waits for it. ``watched``: whether QBO's
    change feed is asked for it. ``siblings``: kinds that are the same entity in QBO. ``marks``: fields that are kept in
    agreement only where a profile says so. ``derived``: those of them that nobody writes to QBO, because there they
    follow from other records (whether an invoice is paid). ``filled``: fields that QBO fills in by itself where nothing
    is sent: the customer's terms, addresses (entities.md 4.2).
    ``along``: it belongs to another
    record, goes to QBO only after that, and leaves QBO with it. ``alone``: each write of it travels by itself.
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
    optional: bool = False
    watched: bool = True
    siblings: tuple[Kind, ...] = ()
    marks: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()
    along: bool = False
    alone: bool = False
    plural: str = ""


_FORM_FILLED = ("due_date", "bill_to", "emails", "cc_emails")
_FORM_LINES = ("item", "description", "quantity", "rate", "amount", "taxable")

_SPECS = (
    KindSpec(kind=Kind.ITEM, fields=("name",), link_only=True, plural="items"),
    KindSpec(kind=Kind.TAX_CODE, fields=("name",), link_only=True, optional=True, watched=False, plural="tax codes"),
    KindSpec(
        kind=Kind.PAYMENT_METHOD,
        fields=("name",),
        link_only=True,
        optional=True,
        watched=False,
        plural="payment methods",
    ),
    KindSpec(kind=Kind.CATEGORY, fields=("name",), link_only=True, watched=False, plural="categories"),
    KindSpec(kind=Kind.CLIENT, fields=("name", "currency", "email"), fixed=("currency",), plural="clients"),
    KindSpec(
        kind=Kind.PROJECT,
        fields=("name", "client"),
        decisive=("client",),
        needs=(Kind.CLIENT,),
        link_only=True,
        optional=True,
        watched=False,
        siblings=(Kind.CLIENT,),
        plural="projects",
    ),
    KindSpec(kind=Kind.VENDOR, fields=("name", "currency", "email"), fixed=("currency",), plural="vendors"),
    KindSpec(
        kind=Kind.ESTIMATE,
        fields=(
            "number",
            "transaction_number",
            "client",
            "issue_date",
            "due_date",
            "currency",
            "bill_to",
            "emails",
            "cc_emails",
            "lines",
            "discount",
            "tax",
            "tax_rate",
            "total",
            "notes",
        ),
        line_fields=_FORM_LINES,
        needs=(Kind.CLIENT, Kind.ITEM),
        money_fields=("currency", "lines", "discount", "tax", "total"),
        decisive=("client", "issue_date"),
        coupled=("lines", "discount", "tax", "tax_rate", "total"),
        dates=("issue_date",),
        fixed=("currency",),
        filled=_FORM_FILLED,
        transaction=True,
        plural="estimates",
    ),
    KindSpec(
        kind=Kind.INVOICE,
        fields=(
            "number",
            "transaction_number",
            "client",
            "issue_date",
            "due_date",
            "currency",
            "bill_to",
            "emails",
            "cc_emails",
            "lines",
            "discount",
            "tax",
            "tax_rate",
            "total",
            "notes",
            "sent",
            "paid",
        ),
        line_fields=_FORM_LINES,
        needs=(Kind.CLIENT, Kind.ITEM),
        money_fields=("currency", "lines", "discount", "tax", "total"),
        decisive=("client", "issue_date"),
        coupled=("lines", "discount", "tax", "tax_rate", "total"),
        dates=("issue_date",),
        fixed=("currency",),
        transaction=True,
        voidable=True,
        marks=("sent", "paid"),
        derived=("paid",),
        filled=_FORM_FILLED,
        plural="invoices",
    ),
    KindSpec(
        kind=Kind.CREDIT_NOTE,
        fields=(
            "number",
            "transaction_number",
            "client",
            "issue_date",
            "currency",
            "bill_to",
            "emails",
            "cc_emails",
            "lines",
            "tax",
            "tax_rate",
            "total",
            "notes",
        ),
        line_fields=_FORM_LINES,
        needs=(Kind.CLIENT, Kind.ITEM),
        money_fields=("currency", "lines", "tax", "total"),
        decisive=("client", "issue_date"),
        coupled=("lines", "tax", "tax_rate", "total"),
        dates=("issue_date",),
        fixed=("currency",),
        filled=_FORM_FILLED,
        transaction=True,
        plural="credit notes",
    ),
    KindSpec(
        kind=Kind.PAYMENT,
        fields=("client", "date", "amount", "currency", "allocations", "credits", "method", "reference", "notes"),
        needs=(Kind.CLIENT, Kind.INVOICE, Kind.CREDIT_NOTE, Kind.PAYMENT_METHOD),
        money_fields=("currency", "amount", "allocations", "credits"),
        decisive=("client", "date"),
        coupled=("amount", "allocations", "credits"),
        dates=("date",),
        fixed=("currency",),
        transaction=True,
        voidable=True,
        siblings=(Kind.CREDIT_APPLICATION,),
        plural="payments",
    ),
    KindSpec(
        kind=Kind.CREDIT_APPLICATION,
        fields=("client", "credit_note", "date", "currency", "allocations"),
        needs=(Kind.CLIENT, Kind.INVOICE, Kind.CREDIT_NOTE),
        money_fields=("currency", "allocations"),
        decisive=("client", "credit_note"),
        coupled=("credit_note", "allocations"),
        dates=("date",),
        fixed=("currency",),
        transaction=True,
        voidable=True,
        siblings=(Kind.PAYMENT,),
        plural="credit applications",
    ),
    KindSpec(
        kind=Kind.EXPENSE,
        fields=(
            "vendor",
            "date",
            "amount",
            "currency",
            "approved",
            "reimbursable",
            "reimbursed",
            "report",
            "category",
            "project",
            "client_name",
            "merchant",
            "notes",
        ),
        watched=False,
        plural="expenses",
    ),
    KindSpec(
        kind=Kind.BILL,
        fields=("vendor", "date", "currency", "lines", "total", "reimbursed"),
        line_fields=("category", "project", "description", "amount"),
        needs=(Kind.VENDOR, Kind.CATEGORY, Kind.PROJECT),
        money_fields=("currency", "lines", "total"),
        decisive=("vendor", "date"),
        coupled=("lines", "total"),
        dates=("date",),
        fixed=("currency",),
        transaction=True,
        plural="bills",
    ),
    KindSpec(
        kind=Kind.PURCHASE,
        fields=("vendor", "date", "currency", "lines", "total"),
        line_fields=("category", "project", "description", "amount"),
        needs=(Kind.VENDOR, Kind.CATEGORY, Kind.PROJECT),
        money_fields=("currency", "lines", "total"),
        decisive=("vendor", "date"),
        coupled=("lines", "total"),
        dates=("date",),
        fixed=("currency",),
        transaction=True,
        plural="purchases",
    ),
    KindSpec(
        kind=Kind.PURCHASE_ORDER,
        fields=("number", "vendor", "date", "due_date", "currency", "lines", "total", "notes"),
        line_fields=("category", "description", "project", "item", "amount", "quantity", "rate"),
        needs=(Kind.VENDOR, Kind.ITEM, Kind.CATEGORY, Kind.PROJECT),
        money_fields=("currency", "lines", "total"),
        decisive=("vendor", "date"),
        coupled=("lines", "total"),
        dates=("date",),
        fixed=("currency",),
        transaction=True,
        plural="purchase orders",
    ),
    KindSpec(
        kind=Kind.ATTACHMENT,
        fields=("owner_kind", "owner", "file_name", "size", "digest"),
        needs=(Kind.INVOICE, Kind.CREDIT_NOTE, Kind.BILL, Kind.PURCHASE, Kind.PURCHASE_ORDER),
        decisive=("owner_kind", "owner", "size"),
        transaction=True,
        watched=False,
        along=True,
        alone=True,
        plural="attachments",
    ),
)

SPECS: Mapping[Kind, KindSpec] = MappingProxyType({spec.kind: spec for spec in _SPECS})
"""Every kind, in the order of work: what is needed comes before what needs it."""

ORDER: Mapping[Kind, int] = MappingProxyType({spec.kind: place for place, spec in enumerate(_SPECS)})
"""Place of a kind in the order of creating and changing; removals go the other way."""

NOTES_LIMIT = 1000
"""CustomerMemo (entities.md 1.6, R-10)."""
EMAIL_LIMIT = 100
"""PrimaryEmailAddr (entities.md 3.2)."""
EMAILS_LIMIT = 100
"""BillEmail (entities.md 4.2, R-14)."""
CC_EMAILS_LIMIT = 200
"""BillEmailCc (entities.md 4.2, R-15)."""
NO_COUNTERPART = "-"
"""Stands for QBO's id where a link says that a record has no counterpart there and needs none."""
DEFAULT_KEY = "default"
"""The id of what a document names not at all: the settings say what stands for it (R-23, R-101)."""
PAYMENT_NOTES_LIMIT = 4000
ATTACHMENT_LIMIT = 99_000_000
"""Bytes of a file: an upload may have 100 MB in all, with what is said about the file (protocol.md 11)."""
FILE_NAME_LIMIT = 1000
CONTENT_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "ai": "application/postscript",
        "csv": "text/csv",
        "doc": "application/msword",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "eps": "application/postscript",
        "gif": "image/gif",
        "jpeg": "image/jpeg",
        "jpg": "image/jpeg",
        "ods": "application/vnd.oasis.opendocument.spreadsheet",
        "pdf": "application/pdf",
        "png": "image/png",
        "rtf": "text/rtf",
        "tif": "image/tiff",
        "txt": "text/plain",
        "xls": "application/vnd.ms-excel",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xml": "text/xml",
    }
)
"""The sorts of files that QBO takes, by the end of their names (protocol.md 11), with what they are called on the wire.
"""
MEMO_LIMIT = 4000
"""Memo of a purchase order (entities.md 6.5)."""
REFERENCE_LIMIT = 21
NUMBER_LIMIT = 21
NAME_LIMIT = 100
DESCRIPTION_LIMIT = 4000
TAXABLE_LINE_LIMIT = 750
LINE_LIMIT = 10_000
