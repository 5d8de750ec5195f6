"""What of a transaction in QBO people have gone on with: put into a bank deposit, mailed to the client.

QBO does not tell over its API whether a transaction was reconciled with the bank's statement (entities.md 5.4 knows no
such member). What can be seen is the deposit that a payment is part of, and the closing date of the books.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import msgspec

from syncd.model.observations import Unknown
from syncd.qbo import wire
from syncd.qbo.codec.parts import Link
from syncd.qbo.lookup import READ_FAILED
from syncd.qbo.query import Listing, literal

_SENT = "EmailSent"


class _Line(msgspec.Struct, rename="pascal"):
    linked_txn: list[Link] | None = None


class _Deposit(msgspec.Struct, rename="pascal"):
    id: str
    line: list[_Line] | None = None


class _Form(msgspec.Struct, rename="pascal"):
    email_status: str = ""


_deposit = msgspec.json.Decoder(_Deposit)
_form = msgspec.json.Decoder(_Form)


def deposits_of(listing: Listing, payments: Collection[str], since: date) -> dict[str, str] | Unknown:
    """Those of these payments that are part of a bank deposit, with its id (6540, F-106).

    Deposits are looked at from ``since`` on, the date of the earliest payment: QBO has no query for their lines.
    """
    found: dict[str, str] = {}
    try:
        for page in listing.everything("Deposit", f"TxnDate >= {literal(since)}"):
            for _, row in page:
                deposit = _deposit.decode(row)
                links = [link for line in deposit.line or [] for link in line.linked_txn or []]
                found |= {link.txn_id: deposit.id for link in links if link.txn_type == "Payment"}
    except READ_FAILED as error:
        return Unknown(error.message)
    except wire.BAD_JSON:
        return Unknown("QuickBooks sent a bank deposit in an unknown shape.")
    return {payment: found[payment] for payment in payments if payment in found}


def was_mailed(raw: bytes) -> bool:
    """Whether QBO mailed a form to the client (entities.md 4.2, EmailStatus)."""
    try:
        return bool(raw) and _form.decode(raw).email_status == _SENT
    except wire.BAD_JSON:
        return False
