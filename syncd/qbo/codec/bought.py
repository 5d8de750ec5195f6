"""The lines of what is bought (entities.md 6.1), which bills, expenses and purchase orders share: for an account, or
for an item."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import UNSET

from syncd.model.kinds import Kind
from syncd.model.records.lists import Category
from syncd.model.records.purchases import BillLine, Bought
from syncd.model.references import bought_item_key, category_key, claimed_id, mapped_name, project_key
from syncd.model.spec import DESCRIPTION_LIMIT
from syncd.model.values import cut, explains, round_money, text
from syncd.qbo import wire
from syncd.qbo.codec.continuing import Content, content, continued
from syncd.qbo.codec.currency import code_of
from syncd.qbo.codec.parts import ZERO, Ref, Wishes, linked, party_id, reference, refuse
from syncd.qbo.wire import Json

ACCOUNT_LINE = "AccountBasedExpenseLineDetail"
ITEM_LINE = "ItemBasedExpenseLineDetail"


class _Detail(msgspec.Struct, rename="pascal"):
    account_ref: Ref | None = None
    customer_ref: Ref | None = None
    item_ref: Ref | None = None
    qty: Decimal | None = None
    unit_price: Decimal | None = None


class BoughtLine(msgspec.Struct, rename="pascal"):
    """A line as QBO sends it."""

    id: str = ""
    description: str | None = None
    amount: Decimal | None = None
    account_based_expense_line_detail: _Detail | None = None
    item_based_expense_line_detail: _Detail | None = None


def by_account(row: BoughtLine) -> BillLine:
    """A line that buys an item, which only people enter here, names no account: amount and text say it."""
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


def by_item(row: BoughtLine) -> BillLine:
    """A line of a purchase order: with the item, where it buys one."""
    detail = row.item_based_expense_line_detail or _Detail()
    item = detail.item_ref
    return msgspec.structs.replace(
        by_account(row),
        item=item.value if item else "",
        item_name=(item.name or "") if item else "",
        quantity=UNSET if detail.qty is None else detail.qty,
        rate=UNSET if detail.unit_price is None else detail.unit_price,
    )


# writing


def encoded(record: Bought, wishes: Wishes, present: list[Json]) -> list[Json]:
    """The whole list. A line continues the one that is there, with its links and its billable status (F-112)."""
    found: dict[int, Json] = {}
    for detail in (ACCOUNT_LINE, ITEM_LINE):
        there = [line for line in present if detail in line]
        wanted = {place: line for place, line in enumerate(record.lines) if _detail_of(line) == detail}
        things = [_thing(line, wishes) for line in wanted.values()]
        ours = [_wished(line, thing, record, wishes) for line, thing in zip(wanted.values(), things, strict=True)]
        places = continued(ours, [_present(line, detail) for line in there])
        for (place, line), thing, other in zip(wanted.items(), things, places, strict=True):
            found[place] = _encoded(line, thing, record, wishes, None if other is None else there[other])
    return [found[place] for place in sorted(found)]


def _detail_of(line: BillLine) -> str:
    return ITEM_LINE if bought_item_key(line) else ACCOUNT_LINE


def _encoded(line: BillLine, thing: str, record: Bought, wishes: Wishes, match: Json | None) -> Json:
    name = _detail_of(line)
    body: Json = dict(match) if match else {}
    detail: Json = dict(body.get(name) or {"BillableStatus": "NotBillable"})
    detail["AccountRef" if name == ACCOUNT_LINE else "ItemRef"] = reference(thing)
    detail.pop("CustomerRef", None)
    project = wishes.link(Kind.PROJECT, project_key(line))
    if project:
        detail["CustomerRef"] = reference(project)
    if name == ITEM_LINE:
        detail |= _counted(line, record, wishes)
    body |= {"Amount": wire.plain(_amount(line, record, wishes)), "DetailType": name, name: detail}
    return body | {"Description": _text(line)}


def _counted(line: BillLine, record: Bought, wishes: Wishes) -> Json:
    """How many at how much, where that makes the amount (6070); else one for all of it."""
    amount = _amount(line, record, wishes)
    quantity, rate = line.quantity, line.rate
    if not (isinstance(quantity, Decimal) and isinstance(rate, Decimal) and explains(quantity, rate, amount)):
        quantity, rate = Decimal(1), amount
    return {"Qty": wire.plain(quantity), "UnitPrice": wire.plain(rate)}


def _amount(line: BillLine, record: Bought, wishes: Wishes) -> Decimal:
    """Rounded half up (R-99)."""
    return round_money(line.amount, code_of(record, wishes))


def _text(line: BillLine) -> str:
    return cut(text(line.description), DESCRIPTION_LIMIT)


def _thing(line: BillLine, wishes: Wishes) -> str:
    """The id of the item, or of the account."""
    item = bought_item_key(line)
    return linked(wishes, Kind.ITEM, item) if item else _account(line, wishes)


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


def _wished(line: BillLine, thing: str, record: Bought, wishes: Wishes) -> Content:
    project = wishes.link(Kind.PROJECT, project_key(line))
    return content((thing, _text(line)), _amount(line, record, wishes), project)


def _present(line: Json, name: str) -> Content:
    detail = line[name]
    thing = party_id(detail, "AccountRef" if name == ACCOUNT_LINE else "ItemRef")
    return content((thing, text(line.get("Description") or "")), line.get("Amount", 0), party_id(detail, "CustomerRef"))
