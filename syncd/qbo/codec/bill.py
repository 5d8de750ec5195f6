"""Bill (entities.md 6.1, 6.2): what is owed to a vendor, a line for each expense (R-96 to R-104)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from syncd.model.observations import Flawed, Present
from syncd.model.records import UNSET, Bill, BillLine, Category, Kind
from syncd.model.references import category_key, claimed_id, mapped_name, project_key
from syncd.model.spec import DESCRIPTION_LIMIT
from syncd.model.values import cut, round_money, text
from syncd.qbo import wire
from syncd.qbo.codec.continuing import Content, content, continued
from syncd.qbo.codec.currency import code_of, foreign_currency, moved
from syncd.qbo.codec.parts import (
    ZERO,
    CannotReadError,
    Reading,
    Ref,
    Wishes,
    decode_with,
    kept_lines,
    linked,
    party_id,
    reference,
    refuse,
    whole,
)
from syncd.qbo.wire import Json, Raw

ENTITY = "Bill"
ACCOUNT_LINE = "AccountBasedExpenseLineDetail"
NOTES_LIMIT = 4000
"""PrivateNote (entities.md 6.2)."""

_READ_ONLY = frozenset(
    {
        "MetaData", "domain", "sparse", "TotalAmt", "Balance", "HomeTotalAmt", "HomeBalance", "LinkedTxn",
        "RecurDataRef", "TxnSource", "TxnStatus", "VendorAddr", "RemitToAddr",
    }
)  # fmt: skip


class _Detail(msgspec.Struct, rename="pascal"):
    account_ref: Ref | None = None
    customer_ref: Ref | None = None


class _Line(msgspec.Struct, rename="pascal"):
    id: str = ""
    description: str | None = None
    amount: Decimal | None = None
    account_based_expense_line_detail: _Detail | None = None
    item_based_expense_line_detail: _Detail | None = None


class _Bill(msgspec.Struct, rename="pascal"):
    id: str
    sync_token: str
    txn_date: date | None = None
    vendor_ref: Ref | None = None
    currency_ref: Ref | None = None
    total_amt: Decimal | None = None
    balance: Decimal | None = None
    private_note: str | None = None
    line: list[_Line] | None = None


_decoder = msgspec.json.Decoder(_Bill)


def decode(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(_decoder, _record, row, reading)


def _record(bill: _Bill, reading: Reading) -> tuple[Bill, str]:
    """Paid in full is all that counts as reimbursed (R-103); a bill of nothing was never paid.

    The total contains a tax that somebody added in QBO: then the lines do not make it, which is an edit like any other.
    """
    if bill.vendor_ref is None or bill.txn_date is None or bill.total_amt is None:
        raise CannotReadError("incomplete", "The bill has no vendor, date or total.", "Correct it in QuickBooks.")
    return Bill(
        id=bill.id,
        vendor=bill.vendor_ref.value,
        date=bill.txn_date,
        total=bill.total_amt,
        lines=tuple(_line(row) for row in bill.line or []),
        currency=(bill.currency_ref.value if bill.currency_ref else "") or reading.home_currency,
        notes=bill.private_note or "",
        reimbursed=UNSET if bill.balance is None else bill.balance == 0 and bill.total_amt > 0,
        balance=UNSET if bill.balance is None else bill.balance,
    ), bill.sync_token


def _line(row: _Line) -> BillLine:
    """A line that buys an item, which only people enter, names no account: amount and text say it."""
    detail = row.account_based_expense_line_detail or row.item_based_expense_line_detail or _Detail()
    account, project = detail.account_ref, detail.customer_ref
    return BillLine(
        amount=ZERO if row.amount is None else row.amount,
        id=row.id,
        category=account.value if account else "",
        category_name=(account.name or "") if account else "",
        project=project.value if project else "",
        project_name=(project.name or "") if project else "",
        description=row.description or "",
    )


# writing


def create(record: Bill, wishes: Wishes) -> Json:
    """Outside the US a bill of expenses is out of the tax's scope: the amounts are what the member paid."""
    body: Json = {
        "VendorRef": reference(linked(wishes, Kind.VENDOR, record.vendor)),
        "TxnDate": record.date.isoformat(),
        "Line": _lines(record, wishes, []),
        **foreign_currency(record, record.date, wishes),
    }
    if wishes.facts.global_tax:
        body["GlobalTaxCalculation"] = "NotApplicable"
    if isinstance(record.notes, str) and record.notes:
        body["PrivateNote"] = cut(text(record.notes), NOTES_LIMIT)
    return body


def update(record: Bill, wishes: Wishes, current: Json) -> Json:
    """The whole object with the named fields set: only that is documented for a bill (entities.md 1.3)."""
    fields = wishes.fields
    body = whole(current, _READ_ONLY)
    if "vendor" in fields:
        body["VendorRef"] = reference(linked(wishes, Kind.VENDOR, record.vendor))
    if "date" in fields:
        body |= {"TxnDate": record.date.isoformat()} | moved(record, record.date, wishes, current)
    if "notes" in fields and isinstance(record.notes, str):
        body["PrivateNote"] = cut(text(record.notes), NOTES_LIMIT)
    present = body["Line"] = kept_lines(current)
    if "lines" in fields:
        body["Line"] = _lines(record, wishes, present)
        body.pop("TxnTaxDetail", None)  # of the amounts that were; QBO computes it anew (entities.md 3.9)
    return body


def _lines(record: Bill, wishes: Wishes, present: list[Json]) -> list[Json]:
    """The whole list. A line continues the one that is there, with its links and its billable status (F-112)."""
    bought = [line for line in present if ACCOUNT_LINE in line]
    accounts = [_account(line, wishes) for line in record.lines]
    ours = [_wished(line, account, record, wishes) for line, account in zip(record.lines, accounts, strict=True)]
    places = continued(ours, [_present(line) for line in bought])
    return [
        _encoded(line, account, record, wishes, None if place is None else bought[place])
        for line, account, place in zip(record.lines, accounts, places, strict=True)
    ]


def _encoded(line: BillLine, account: str, record: Bill, wishes: Wishes, match: Json | None) -> Json:
    body: Json = dict(match) if match else {}
    detail: Json = dict(body.get(ACCOUNT_LINE) or {"BillableStatus": "NotBillable"})
    detail["AccountRef"] = reference(account)
    detail.pop("CustomerRef", None)
    project = wishes.link(Kind.PROJECT, project_key(line))
    if project:
        detail["CustomerRef"] = reference(project)
    body |= {"Amount": wire.plain(_amount(line, record, wishes)), "DetailType": ACCOUNT_LINE, ACCOUNT_LINE: detail}
    return body | {"Description": _text(line)}


def _amount(line: BillLine, record: Bill, wishes: Wishes) -> Decimal:
    """Rounded half up (R-99)."""
    return round_money(line.amount, code_of(record, wishes))


def _text(line: BillLine) -> str:
    return cut(text(line.description), DESCRIPTION_LIMIT)


def _account(line: BillLine, wishes: Wishes) -> str:
    """The account of the category, else one of that name, else the default account (R-101)."""
    found = wishes.link(Kind.CATEGORY, category_key(line))
    if not found and line.category_name:
        named = Category(id="", name=line.category_name)
        found = claimed_id(Kind.CATEGORY, named, wishes.settings)
        found = found or wishes.resolve.find_account(mapped_name(Kind.CATEGORY, line.category_name, wishes.settings))
    default = wishes.settings.default_expense_account
    if not found and not default:
        raise refuse(
            "default-expense-account",
            "The category of an expense is no account in QuickBooks, and no default account is chosen.",
            "Set default_expense_account, or name the account in category_map.",
            "lines",
        )
    return found or wishes.resolve.account(default)


def _wished(line: BillLine, account: str, record: Bill, wishes: Wishes) -> Content:
    project = wishes.link(Kind.PROJECT, project_key(line))
    return content((account, _text(line)), _amount(line, record, wishes), project)


def _present(line: Json) -> Content:
    detail = line[ACCOUNT_LINE]
    key = (party_id(detail, "AccountRef"), text(line.get("Description") or ""))
    return content(key, line.get("Amount", 0), party_id(detail, "CustomerRef"))
