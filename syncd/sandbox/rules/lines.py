"""The lines of a sales form: checks, Ids, amounts, and the rows the server adds itself (entities.md 1.4, 4.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from syncd.sandbox import faults
from syncd.sandbox.context import Context
from syncd.sandbox.wire import CENT, HUNDRED, ZERO, Json, amount, money, plain, rounded

_DETAIL = {
    "SalesItemLineDetail": "SalesItemLineDetail",
    "DescriptionOnly": "DescriptionLineDetail",
    "DiscountLineDetail": "DiscountLineDetail",
    "SubTotalLineDetail": "SubTotalLineDetail",
    "GroupLineDetail": "GroupLineDetail",
}


@dataclass
class Lines:
    """The clean lines of one form."""

    items: list[Json] = field(default_factory=list)
    discount: Json | None = None

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

    def finished(self) -> list[Json]:
        """As stored: items, the subtotal row, then the discount; the last two without an Id."""
        rows = [*self.items, {"Amount": money(self.subtotal()), "DetailType": "SubTotalLineDetail"}]
        rows[-1]["SubTotalLineDetail"] = {}
        return rows if self.discount is None else [*rows, self.discount]


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


def flat(lines: Iterable[Json]) -> Iterator[Json]:
    """Every line, those inside bundles after the bundle."""
    for line in lines:
        yield line
        yield from line.get("GroupLineDetail", {}).get("Line", [])


def read_lines(ctx: Context, sent: list[Json], old: list[Json], check: bool) -> Lines:
    """Bring sent lines into stored form; ``check`` is off when the lines are only the stored ones again."""
    result = Lines()
    numbering = Numbering(old)
    running = ZERO
    for given in sent:
        line = {name: value for name, value in given.items() if name != "LineEx"}
        kind = line.get("DetailType")
        if kind is None:
            raise faults.missing("DetailType")
        if kind == "SubTotalLineDetail":
            continue
        if kind == "DiscountLineDetail":
            if result.discount is not None:
                raise faults.business("A form can have one discount line only.", "Line")
            result.discount = _discount(ctx, line)
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
        if ref["value"] == "SHIPPING_ITEM_ID":
            raise faults.feature_off("Shipping is not switched on for this company.")
        item = ctx.resolve("Item", ref, "ItemRef")
        if item is not None:
            ref = {"value": item["Id"], "name": item["Name"]}
            _account(detail, item)
        if "Qty" in detail and "UnitPrice" in detail:
            product = rounded(detail["Qty"] * detail["UnitPrice"])
            if product != line["Amount"]:
                raise faults.amount_mismatch()
    detail["ItemRef"] = ref
    _tax_code(ctx, detail)
    line["SalesItemLineDetail"] = detail
    return line


def _account(detail: Json, item: Json) -> None:
    """The account the line posts to, as it was when the line was saved."""
    detail.pop("ItemAccountRef", None)
    if "IncomeAccountRef" in item:
        detail["ItemAccountRef"] = item["IncomeAccountRef"]


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


def _discount(ctx: Context, line: Json) -> Json:
    settings = ctx.settings
    if not settings.allow_discount:
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


_READERS = {
    "SalesItemLineDetail": _sales,
    "DescriptionOnly": _description,
    "GroupLineDetail": _group,
}
