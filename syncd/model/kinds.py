"""The words that every part shares: which side, which kind of record, and where a record stands in its life."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    """The two books that are kept in agreement, and our own memory of them."""

    SOURCE = "source"
    QBO = "qbo"
    STATE = "state"


class Kind(StrEnum):
    """The sorts of record. More join with the profiles that need them."""

    ITEM = "item"
    TAX_CODE = "tax_code"
    PAYMENT_METHOD = "payment_method"
    CATEGORY = "category"
    CLIENT = "client"
    PROJECT = "project"
    VENDOR = "vendor"
    ESTIMATE = "estimate"
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    PAYMENT = "payment"
    CREDIT_APPLICATION = "credit_application"
    EXPENSE = "expense"
    BILL = "bill"
    PURCHASE = "purchase"
    PURCHASE_ORDER = "purchase_order"
    ATTACHMENT = "attachment"


class State(StrEnum):
    """Where a record stands in its life on the source side. QBO's records are ``LIVE`` or ``VOID``.

    ``PUBLISHED``: finished, for others to see. ``SENT``: it went to whoever it is for (V-10).
    """

    DRAFT = "draft"
    PUBLISHED = "published"
    SENT = "sent"
    LIVE = "live"
    VOID = "void"
