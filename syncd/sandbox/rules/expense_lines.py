"""The lines of a purchase: checks, Ids, amounts (entities.md 1.4, 6.1)."""

from __future__ import annotations

from decimal import Decimal

from syncd.sandbox import faults
from syncd.sandbox.context import Context
from syncd.sandbox.rules import tracking
from syncd.sandbox.rules.lines import MAX_LINES, Numbering
from syncd.sandbox.wire import ZERO, Json, amount, rounded

ACCOUNT_LINE, ITEM_LINE = "AccountBasedExpenseLineDetail", "ItemBasedExpenseLineDetail"
_STATUSES = ("Billable", "NotBillable", "HasBeenBilled")
_UNANSWERED = ("LineEx", "CustomField", "CustomExtensions")
_CONTROL = ("Accounts Receivable", "Accounts Payable")


def read(ctx: Context, sent: list[Json], old: list[Json], *, check: bool, control: bool = False) -> list[Json]:
    """Bring sent lines into stored form.

    ``check`` is off when the lines are only the stored ones again: what they refer to may be inactive by now.
    ``control`` allows accounts receivable and payable, which a form that posts there itself cannot have on its lines.
    """
    if not sent:
        raise faults.missing("Line")
    if len(sent) > MAX_LINES:
        raise faults.business(f"A transaction can have {MAX_LINES} lines at most.", "Line")
    known = {line["Id"]: line for line in old if "Id" in line}
    numbering = Numbering(old)
    lines = []
    for given in sent:
        line = {name: value for name, value in given.items() if name not in _UNANSWERED}
        kind = line.get("DetailType")
        if kind is None:
            raise faults.missing("DetailType")
        before = known.get(line.get("Id", ""), {})
        line = numbering.number(line)
        detail = dict(line.get(kind, {}))
        for other in (ACCOUNT_LINE, ITEM_LINE):
            line.pop(other, None)
        if kind == ACCOUNT_LINE:
            _account(ctx, line, detail, check, control)
        else:
            _item(ctx, line, detail, check)
        _billable(ctx, line, detail, before.get(kind, {}), check)
        _tax_code(ctx, detail)
        tracking.line_class(ctx, detail, check)
        _project(ctx, line, detail)
        line[kind] = detail
        lines.append(line)
    return lines


def total(lines: list[Json]) -> Decimal:
    """The sum of the lines."""
    return sum((amount(line, "Amount") for line in lines), ZERO)


def accounts(lines: list[Json], default: str) -> list[tuple[str, Decimal]]:
    """What each line puts on its account; ``default`` takes items that name none."""
    rows = []
    for line in lines:
        detail = detail_of(line)
        ref = detail.get("AccountRef") or detail.get("ItemAccountRef")
        rows.append((str(ref["value"]) if ref else default, amount(line, "Amount")))
    return rows


def has_been_billed(body: Json) -> bool:
    """Is a line of it on an invoice?"""
    return any(detail_of(line).get("BillableStatus") == "HasBeenBilled" for line in body.get("Line", []))


def detail_of(line: Json) -> Json:
    """The object that DetailType names."""
    detail: Json = line.get(line.get("DetailType", ""), {})
    return detail


def _account(ctx: Context, line: Json, detail: Json, check: bool, control: bool) -> None:
    if "AccountRef" not in detail:
        _refuse_empty(line, detail)
        raise faults.missing("AccountRef")
    if "Amount" not in line:
        raise faults.missing("Amount")
    if not check:
        return
    account = ctx.resolve("Account", detail["AccountRef"], "AccountRef")
    if account is not None:
        if account["AccountType"] in _CONTROL and not control:
            raise faults.wrong_account("AccountRef")
        detail["AccountRef"] = {"value": account["Id"], "name": account["FullyQualifiedName"]}


def _item(ctx: Context, line: Json, detail: Json, check: bool) -> None:
    """An item line; without an item it is a text only (entities.md 6.1)."""
    if "ItemRef" not in detail:
        _refuse_empty(line, detail)
        line["Amount"] = ZERO
        return
    if "Amount" not in line:
        raise faults.missing("Amount")
    if not detail.get("Qty", True) and not detail.get("UnitPrice", True):
        del detail["Qty"], detail["UnitPrice"]  # what SDKs send for members nobody set
    if not check:
        return
    if not ctx.settings.purchase_items:
        raise faults.feature_off("Products and services on purchases are not switched on for this company.")
    item = ctx.resolve("Item", detail["ItemRef"], "ItemRef")
    if item is not None:
        if item["Type"] in ("Category", "Group"):
            raise faults.bad_reference("ItemRef")
        detail["ItemRef"] = {"value": item["Id"], "name": item["Name"]}
        detail.pop("ItemAccountRef", None)
        account = item.get("AssetAccountRef" if item["Type"] == "Inventory" else "ExpenseAccountRef")
        if account is not None:
            detail["ItemAccountRef"] = account  # where it posts, as it was when the line was saved
    if "Qty" in detail and "UnitPrice" in detail and rounded(detail["Qty"] * detail["UnitPrice"]) != line["Amount"]:
        raise faults.amount_mismatch()


def _refuse_empty(line: Json, detail: Json) -> None:
    if amount(line, "Amount") or "CustomerRef" in detail:
        raise faults.line_without_account()


def _billable(ctx: Context, line: Json, detail: Json, before: Json, check: bool) -> None:
    if "ItemRef" not in detail and "AccountRef" not in detail:
        detail.pop("BillableStatus", None)
        return
    status = detail.setdefault("BillableStatus", "NotBillable")
    if status not in _STATUSES:
        raise faults.bad_billable_status(status)
    if status == "HasBeenBilled" and before.get("BillableStatus") != status:
        raise faults.bad_enum("BillableStatus", "HAS_BEEN_BILLED")
    if not check:
        return
    if status == "Billable":
        if not ctx.settings.billable_expenses:
            raise faults.bad_billable_status(status)
        if "CustomerRef" not in detail:
            raise faults.billable_to_nobody()
    customer = ctx.resolve("Customer", detail.get("CustomerRef"), "CustomerRef")
    if customer is not None:
        detail["CustomerRef"] = {"value": customer["Id"], "name": customer["FullyQualifiedName"]}


def _tax_code(ctx: Context, detail: Json) -> None:
    """US: TAX or NON, NON when none is sent, and no tax; elsewhere the code is looked up with the amounts."""
    for member in ("TaxAmount", "TaxInclusiveAmt"):
        if ctx.settings.country == "US" or not detail.get(member, True):
            detail.pop(member, None)
    code = detail.get("TaxCodeRef", {}).get("value")
    if ctx.settings.country == "US":
        if code not in (None, "TAX", "NON"):
            raise faults.bad_tax_code("Only TAX or NON may be used on the lines of a US company.")
        if "ItemRef" in detail or "AccountRef" in detail:
            detail["TaxCodeRef"] = {"value": code or "NON"}
    elif code in ("TAX", "NON"):
        raise faults.bad_tax_code("TAX and NON are codes of US companies only.")
    elif code is not None:
        detail["TaxCodeRef"] = {"value": code}


def _project(ctx: Context, line: Json, detail: Json) -> None:
    """ProjectRef is sent inside the detail and answered beside it (S:purchase-create-request, S:purchase-create)."""
    sent = detail.pop("ProjectRef", None) or line.pop("ProjectRef", None)
    line.pop("ProjectRef", None)
    if sent is not None and ctx.settings.projects:
        line["ProjectRef"] = {"value": sent["value"]}
