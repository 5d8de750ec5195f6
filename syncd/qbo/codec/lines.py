"""Lines of an invoice as they are sent (entities.md 1.4, 4.1).

In an update the whole list replaces the stored one. Each wished line is therefore matched with a line that is there,
so that the line keeps its id and everything we do not own (class, service date, links to time entries).
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

from syncd.model.checks import tax_code_name
from syncd.model.records import Invoice, Kind, Line
from syncd.model.spec import DESCRIPTION_LIMIT
from syncd.model.values import cut, explains, round_money, text
from syncd.qbo import wire
from syncd.qbo.codec.parts import ZERO, Wishes, reference, refuse
from syncd.qbo.wire import Json


class Detail(StrEnum):
    """The types of line; ``DetailType`` names one."""

    SALES = "SalesItemLineDetail"
    TEXT = "DescriptionOnly"
    DISCOUNT = "DiscountLineDetail"
    SUBTOTAL = "SubTotalLineDetail"
    GROUP = "GroupLineDetail"


_DETAILS = {str(detail): detail for detail in Detail} | {detail.lower(): detail for detail in Detail}
_DETAILS |= {"descriptionlinedetail": Detail.TEXT, "descriptiononlylinedetail": Detail.TEXT}


def detail_of(name: str) -> Detail | None:
    """The type for a ``DetailType``. One recording has SALES_ITEM_LINE_DETAIL: be lenient (entities.md 11)."""
    return _DETAILS.get(name) or _DETAILS.get(name.replace("_", "").lower())


def encode(record: Invoice, wishes: Wishes, current: list[Json]) -> list[Json]:
    """The whole ``Line`` list for a create (``current`` empty) or an update.

    When only the discount changes, the other lines go back as they were read.
    """
    updating = wishes.current is not None
    kept = [line for line in current if detail_of(line.get("DetailType", "")) in {Detail.SALES, Detail.TEXT}]
    if not updating or "lines" in wishes.fields:
        matches = _match(record.lines, kept, wishes)
        encoded = [_line(line, match, record, wishes) for line, match in zip(record.lines, matches, strict=True)]
        for position, line in enumerate(encoded, start=1):
            line["LineNum"] = position
    else:
        encoded = kept
    return encoded + _discount(record, wishes, current)


def _line(line: Line, match: Json | None, record: Invoice, wishes: Wishes) -> Json:
    if is_text(line):
        return _text_line(line, match)
    amount = _amount(line, record, wishes)
    body: Json = dict(match) if match else {}
    detail: Json = dict(body.get(Detail.SALES) or {})
    detail["ItemRef"] = reference(_item(line, wishes))
    detail |= _tax_code(line, detail, record, wishes)
    for name in ("Qty", "UnitPrice"):
        detail.pop(name, None)
    detail |= explained(line, amount)
    body |= {"Amount": wire.plain(amount), "DetailType": Detail.SALES.value, Detail.SALES.value: detail}
    return _described(body, line)


def is_text(line: Line) -> bool:
    """A line of text only, which QBO keeps as DescriptionOnly."""
    quantity = line.quantity if isinstance(line.quantity, Decimal) else ZERO
    return not line.amount and not quantity and not line.item and not line.item_name


def _text_line(line: Line, match: Json | None) -> Json:
    same = match is not None and detail_of(match.get("DetailType", "")) is Detail.TEXT
    body: Json = dict(match) if match and same else {"DescriptionLineDetail": {}}
    body["DetailType"] = Detail.TEXT.value
    return _described(body, line)


def _described(body: Json, line: Line) -> Json:
    """A known line that is sent without its description loses it, so it always goes along (protocol.md 8.2)."""
    if isinstance(line.description, str):
        body["Description"] = cut(text(line.description), DESCRIPTION_LIMIT)
    return body


def _amount(line: Line, record: Invoice, wishes: Wishes) -> Decimal:
    currency = record.currency if isinstance(record.currency, str) and record.currency else wishes.facts.home_currency
    return round_money(line.amount, currency)


def explained(line: Line, amount: Decimal) -> Json:
    """Quantity and rate, if QBO takes them for the amount; otherwise nothing (``values.explains``, 6070).

    The lens asks the same question, so that what is left out here is no difference there.
    """
    if not isinstance(line.quantity, Decimal) or not isinstance(line.rate, Decimal):
        return {}
    if not explains(line.quantity, line.rate, amount):
        return {}
    return {"Qty": wire.plain(line.quantity), "UnitPrice": wire.plain(line.rate)}


def _item(line: Line, wishes: Wishes) -> str:
    """The linked item, else one of that name, else the default item (R-22, R-23). Always sent (entities.md 4.1)."""
    try:
        found = wishes.refs(Kind.ITEM, line.item) if line.item else ""
    except KeyError:
        found = ""
    found = found or (wishes.resolve.find_item(line.item_name) if line.item_name else "")
    if not found and not wishes.settings.default_item:
        raise refuse(
            "default-item",
            "A line's item is not in QuickBooks, and no default item is chosen.",
            "Set default_item, or create the item in QuickBooks under the same name.",
            "lines",
        )
    return found or wishes.resolve.item(wishes.settings.default_item)


def _tax_code(line: Line, detail: Json, record: Invoice, wishes: Wishes) -> Json:
    """US: TAX or NON on every line (F-96). Elsewhere: a real code on every line (entities.md 3.9, F-100)."""
    taxable = line.taxable
    if not isinstance(taxable, bool):
        if "TaxCodeRef" in detail:
            return {}
        taxable = bool(record.tax) if isinstance(record.tax, Decimal) else False
    if not wishes.facts.global_tax:
        return {"TaxCodeRef": reference("TAX" if taxable and wishes.facts.sales_tax else "NON")}
    if not wishes.facts.sales_tax:
        return {}
    name = tax_code_name(record, wishes.settings) if taxable else wishes.settings.exempt_tax_code
    if not name:
        setting = "default_tax_code" if taxable else "exempt_tax_code"
        raise refuse(
            "tax-code",
            "Outside the US every line needs a tax code, and none is chosen.",
            f"Set {setting} to a QuickBooks tax code.",
            "lines",
        )
    return {"TaxCodeRef": reference(wishes.resolve.tax_code(name))}


def _discount(record: Invoice, wishes: Wishes, current: list[Json]) -> list[Json]:
    """The discount, as a fixed amount. In an update that is not about the discount the present one stays as it is,
    in amount: a percentage would come out differently over other lines."""
    present = [line for line in current if detail_of(line.get("DetailType", "")) is Detail.DISCOUNT]
    if wishes.current is not None and "discount" not in wishes.fields:
        return [_fixed(line) for line in present]
    discount = record.discount if isinstance(record.discount, Decimal) else ZERO
    account = wishes.settings.discount_account
    if not discount or (not account and wishes.settings.allow_discount_drop):
        return []
    if not account:
        raise refuse(
            "discount-account",
            "The invoice has a discount, but no discount account is chosen.",
            "Set discount_account, or set allow_discount_drop to leave discounts out.",
            "discount",
        )
    detail: Json = {"PercentBased": False, "DiscountAccountRef": reference(wishes.resolve.account(account))}
    if wishes.facts.global_tax and wishes.facts.sales_tax:
        detail |= _tax_code(Line(discount), detail, record, wishes)
    return [{"Amount": wire.plain(discount), "DetailType": Detail.DISCOUNT.value, Detail.DISCOUNT.value: detail}]


def _fixed(line: Json) -> Json:
    detail = {name: value for name, value in line[Detail.DISCOUNT].items() if name != "DiscountPercent"}
    return line | {Detail.DISCOUNT.value: detail | {"PercentBased": False}}


def _match(wished: tuple[Line, ...], present: list[Json], wishes: Wishes) -> list[Json | None]:
    """For each wished line the present line that it continues: equal content first, then item and text, then place.

    Every present line is used at most once; within a round the nearest in order wins. What is left over goes away.
    """
    found: list[Json | None] = [None] * len(wished)
    free = list(range(len(present)))
    ours = [_keys(_wished_content(line, wishes)) for line in wished]
    theirs = [_keys(_present_content(line)) for line in present]
    for level in range(3):
        for place in range(len(wished)):
            if found[place] is not None:
                continue
            fits = [other for other in free if theirs[other][level] == ours[place][level]]
            if level == 2:
                fits = [other for other in fits if other == place]
            if fits:
                best = min(fits, key=lambda other: (abs(other - place), other))
                found[place] = present[best]
                free.remove(best)
    return found


_Content = tuple[str, str, Any, Any, Any]


def _keys(content: _Content) -> tuple[object, object, object]:
    """From exact to vague: everything; item and description; nothing (place alone decides)."""
    return content, content[:2], None


def _wished_content(line: Line, wishes: Wishes) -> _Content:
    item = "" if is_text(line) else _item(line, wishes)
    description = text(line.description) if isinstance(line.description, str) else ""
    return item, description, line.amount, _known(line.quantity), _known(line.rate)


def _present_content(line: Json) -> _Content:
    detail = line.get(Detail.SALES) or {}
    item = str((detail.get("ItemRef") or {}).get("value", ""))
    amount = line.get("Amount", 0)
    return item, text(line.get("Description") or ""), amount, detail.get("Qty"), detail.get("UnitPrice")


def _known(number: object) -> Decimal | None:
    return number if isinstance(number, Decimal) else None
