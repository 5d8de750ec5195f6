"""The lines of a sales form: checks, Ids, amounts, and the rows the server adds itself (entities.md 1.4, 4.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from syncd.sandbox import faults
from syncd.sandbox.context import Context
from syncd.sandbox.rules import tracking
from syncd.sandbox.rules.base import account_of
from syncd.sandbox.wire import CENT, HUNDRED, ZERO, Json, amount, money, plain, rounded

SHIPPING = "SHIPPING_ITEM_ID"
MAX_LINES = 10_000
"""Lines of one transaction (protocol.md 3.1)."""


@dataclass
class Lines:
    """The clean lines of one form. Shipping stands after the subtotal, like the discount, and is no part of it."""

    items: list[Json] = field(default_factory=list)
    discount: Json | None = None
    shipping: Json | None = None

    def sales(self) -> Iterator[Json]:
        """Every item line, those inside bundles included."""
        for line in self.items:
            if line["DetailType"] == "GroupLineDetail":
                yield from line["GroupLineDetail"].get("Line", [])
            elif line["DetailType"] == "SalesItemLineDetail":
                yield line

    def subtotal(self) -> Decimal:
        """Sum of the item lines."""
        return sum((line["Amount"] for line in self.sales()), ZERO)

    def freight(self) -> Decimal:
        """What shipping costs."""
        return ZERO if self.shipping is None else amount(self.shipping, "Amount")

    def finished(self) -> list[Json]:
        """As stored: items, the subtotal row, discount, shipping; all but the items without an Id."""
        rows = [*self.items, {"Amount": money(self.subtotal()), "DetailType": "SubTotalLineDetail"}]
        rows[-1]["SubTotalLineDetail"] = {}
        return rows + [line for line in (self.discount, self.shipping) if line is not None]


class Numbering:
    """Line Ids within one transaction: known ones stay, everything else gets the next number."""

    def __init__(self, old: Iterable[Json]) -> None:
        self._known = {line["Id"] for line in flat(old) if "Id" in line}
        self._next = max((int(known) for known in self._known if known.isdecimal()), default=0)
        self._line = 0

    def number(self, line: Json) -> Json:
        """The line with its Id and its position in front."""
        sent = line.pop("Id", None)
        line.pop("LineNum", None)
        if sent in self._known:
            self._known.discard(sent)
        else:
            self._next += 1
            sent = str(self._next)
        self._line += 1
        return {"Id": sent, "LineNum": self._line, **line}


def flat(lines: Iterable[Json]) -> list[Json]:
    """Every line, those inside bundles after the bundle."""
    found = []
    for line in lines:
        found.append(line)
        if "GroupLineDetail" in line:
            found += line["GroupLineDetail"].get("Line", [])
    return found


def read_lines(ctx: Context, sent: list[Json], old: list[Json], check: bool, positive: bool = False) -> Lines:
    """Bring sent lines into stored form; ``check`` is off when the lines are only the stored ones again.

    ``positive``: the form takes no negative amounts (2290, entities.md 4.1).
    """
    _check_all(sent, positive)
    result = Lines()
    numbering = Numbering(old)
    running = ZERO
    for given in sent:
        line = {name: value for name, value in given.items() if name != "LineEx"}
        kind = _kind(line)
        if kind == "SubTotalLineDetail":
            continue
        if kind in _SINGLES:
            member, reader = _SINGLES[kind]
            if getattr(result, member) is not None:
                raise faults.business(f"A form can have one {member} line only.", "Line")
            setattr(result, member, reader(ctx, line, check))
            continue
        read = _READERS[kind](ctx, numbering.number(line), numbering, check)
        result.items.append(read)
        if kind == "SalesItemLineDetail":
            running += read["Amount"]
        elif kind == "GroupLineDetail":
            running += sum((part["Amount"] for part in read["GroupLineDetail"].get("Line", [])), ZERO)
        elif read.get("Description", "").startswith("Subtotal:"):
            read["Description"] = f"Subtotal: {rounded(running):.2f}"
            running = ZERO
    if not any(_counts(line) for line in result.items):
        raise faults.missing("Line")
    return result


def _check_all(sent: list[Json], positive: bool) -> None:
    lines = flat(sent)
    if len(lines) > MAX_LINES:
        raise faults.business(f"A transaction can have {MAX_LINES} lines at most.", "Line")
    if positive and any(line.get("Amount", ZERO) < 0 for line in lines):
        raise faults.negative("Line.Amount")


def _kind(line: Json) -> str:
    """The DetailType; shipping is a kind of its own though it comes as an item line."""
    kind = line.get("DetailType")
    if kind is None:
        raise faults.missing("DetailType")
    item = line.get("SalesItemLineDetail", {}).get("ItemRef", {}).get("value")
    return SHIPPING if kind == "SalesItemLineDetail" and item == SHIPPING else str(kind)


def _counts(line: Json) -> bool:
    """At least one sales or inline-subtotal line is needed (entities.md 4.2)."""
    text = str(line.get("Description", ""))
    return line["DetailType"] != "DescriptionOnly" or text.startswith("Subtotal:")


def _sales(ctx: Context, line: Json, _: Numbering, check: bool) -> Json:
    detail = dict(line.get("SalesItemLineDetail", {}))
    if "Amount" not in line:
        raise faults.missing("Amount")
    ref = detail.get("ItemRef") or {"value": ctx.settings.default_item}
    if check:
        item = ctx.resolve("Item", ref, "ItemRef")
        if item is not None:
            ref = {"value": item["Id"], "name": item["Name"]}
            _from_item(ctx, detail, item)
        if "Qty" in detail and "UnitPrice" in detail:
            product = rounded(detail["Qty"] * detail["UnitPrice"])
            if product != line["Amount"]:
                raise faults.amount_mismatch()
    detail["ItemRef"] = ref
    tracking.line_class(ctx, detail, check)
    _tax_code(ctx, detail)
    _linked(line)
    line["SalesItemLineDetail"] = detail
    return line


def _shipping(ctx: Context, line: Json, check: bool) -> Json:
    """The shipping line: needs AllowShipping, names no item, posts to income (entities.md 1.8, 4.1)."""
    if "Amount" not in line:
        raise faults.missing("Amount")
    detail = {name: value for name, value in line["SalesItemLineDetail"].items() if name != "ItemAccountRef"}
    if check and not ctx.settings.allow_shipping:
        raise faults.feature_off("Shipping is not switched on for this company.")
    if line["Amount"] < 0:
        raise faults.negative("Line.Amount")
    detail["ItemRef"] = {"value": SHIPPING}
    income = ctx.unit.get("Account", account_of(ctx.book, "Income"))
    if income is not None:
        detail["ItemAccountRef"] = {"value": income["Id"], "name": income["Name"]}
    tracking.line_class(ctx, detail, check)
    _tax_code(ctx, detail)
    rest = {name: value for name, value in line.items() if name not in ("Id", "LineNum", "SalesItemLineDetail")}
    return {**rest, "SalesItemLineDetail": detail}


def _from_item(ctx: Context, detail: Json, item: Json) -> None:
    """The account the line posts to and the item's tax class, as they were when the line was saved."""
    for member, source in (("ItemAccountRef", "IncomeAccountRef"), ("TaxClassificationRef", "TaxClassificationRef")):
        detail.pop(member, None)
        if source in item and (member == "ItemAccountRef" or ctx.settings.automated_tax):
            detail[member] = item[source]


def _linked(line: Json) -> None:
    """Time activities cannot be put on a line: there are none in this company (entities.md 4.2)."""
    if "LinkedTxn" in line and any(link.get("TxnType") == "TimeActivity" for link in line["LinkedTxn"]):
        raise faults.cannot_link("TxnType=TimeActivity is not available in this company.")


def _tax_code(ctx: Context, detail: Json) -> None:
    code = detail.get("TaxCodeRef", {}).get("value")
    if ctx.settings.country == "US":
        if code not in (None, "TAX", "NON"):
            raise faults.bad_tax_code("Only TAX or NON may be used on the lines of a US company.")
        detail["TaxCodeRef"] = {"value": code or "NON"}
    elif code in ("TAX", "NON"):
        raise faults.bad_tax_code("TAX and NON are codes of US companies only.")


def _description(ctx: Context, line: Json, _: Numbering, check: bool) -> Json:
    line.pop("Amount", None)
    line.setdefault("DescriptionLineDetail", {})
    _linked(line)
    return line


def _group(ctx: Context, line: Json, numbering: Numbering, check: bool) -> Json:
    detail = dict(line.get("GroupLineDetail") or {})
    if "GroupItemRef" not in detail:
        raise faults.missing("GroupItemRef")
    ctx.resolve("Item", detail["GroupItemRef"], "GroupItemRef")
    detail.setdefault("Quantity", Decimal(1))
    parts = [numbering.number(dict(part)) for part in detail.get("Line", [])]
    if any(part.get("DetailType") != "SalesItemLineDetail" for part in parts):
        raise faults.bad_enum("DetailType", "GroupLineDetail.Line")
    detail["Line"] = [_sales(ctx, part, numbering, check) for part in parts]
    line.update({"Amount": ZERO, "GroupLineDetail": detail})
    return line


def _discount(ctx: Context, line: Json, check: bool) -> Json:
    settings = ctx.settings
    if check and not settings.allow_discount:
        raise faults.feature_off("Discounts are not switched on for this company.")
    detail = dict(line.get("DiscountLineDetail", {}))
    if detail.get("PercentBased") and "DiscountPercent" not in detail and "Amount" in line:
        detail["PercentBased"] = False
    percent = detail.get("PercentBased", "DiscountPercent" in detail and "Amount" not in line)
    if (percent and "DiscountPercent" not in detail) or (not percent and "Amount" not in line):
        raise faults.discount_without_value()
    detail["PercentBased"] = percent
    if not percent:
        detail.pop("DiscountPercent", None)
    if line.get("Amount", ZERO) < 0 or detail.get("DiscountPercent", ZERO) < 0:
        raise faults.negative("DiscountLineDetail")
    ref = detail.get("DiscountAccountRef")
    if ref is None and settings.default_discount_account is not None:
        ref = {"value": settings.default_discount_account}
    account = ctx.resolve("Account", ref, "DiscountAccountRef")
    if account is None:
        raise faults.missing("DiscountAccountRef")
    detail["DiscountAccountRef"] = {"value": account["Id"], "name": account["Name"]}
    tracking.line_class(ctx, detail, check)
    line.pop("Id", None)
    line.pop("LineNum", None)
    line.setdefault("Amount", ZERO)
    line["DiscountLineDetail"] = detail
    return line


def set_discount(lines: Lines, subtotal: Decimal) -> Decimal:
    """Fill in the discount's amount and give it back."""
    if lines.discount is None:
        return ZERO
    detail = lines.discount["DiscountLineDetail"]
    if detail["PercentBased"]:
        lines.discount["Amount"] = money(subtotal * detail["DiscountPercent"] / HUNDRED)
    return amount(lines.discount, "Amount")


def make_net(line: Json, percent: Decimal) -> Decimal:
    """Turn a tax-inclusive line into the net form that answers carry; gives the gross amount back."""
    detail = line["SalesItemLineDetail"]
    gross: Decimal = detail.get("TaxInclusiveAmt", line["Amount"])
    net = rounded(gross * HUNDRED / (HUNDRED + percent))
    detail["TaxInclusiveAmt"] = money(gross)
    if line["Amount"] != net and detail.get("UnitPrice") is not None and detail.get("Qty"):
        detail["UnitPrice"] = plain((net / detail["Qty"]).quantize(CENT / 100_000))
    line["Amount"] = money(net)
    return gross


_SINGLES = {"DiscountLineDetail": ("discount", _discount), SHIPPING: ("shipping", _shipping)}
"""Lines a form can have one of, with the place they go to."""
_READERS = {
    "SalesItemLineDetail": _sales,
    "DescriptionOnly": _description,
    "GroupLineDetail": _group,
}
