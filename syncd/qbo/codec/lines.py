"""Lines of an invoice or credit note as they are sent (entities.md 1.4, 4.1).

In an update the whole list replaces the stored one. Each wished line therefore continues a line that is there, so that
it keeps its id and everything we do not own (class, service date, links to time entries).
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from syncd.model.kinds import Kind
from syncd.model.records.forms import CreditNote, Form, Line
from syncd.model.records.lists import Item
from syncd.model.references import claimed_id, is_text, item_key, mapped_name
from syncd.model.spec import DESCRIPTION_LIMIT
from syncd.model.values import cut, explains, round_money, text
from syncd.qbo import wire
from syncd.qbo.codec import tax
from syncd.qbo.codec.continuing import Content, content, continued
from syncd.qbo.codec.currency import code_of
from syncd.qbo.codec.parts import ZERO, Wishes, party_id, reference, refuse
from syncd.qbo.wire import Json

SPECIAL_ITEMS = {"SHIPPING_ITEM_ID": "Shipping", "GRATUITY_ITEM_ID": "Gratuity"}
"""Lines that QBO keeps without a product (entities.md 4.1), and the text that stands for them."""

_UNIT_PRICE = Decimal("0.0000001")
"""QBO keeps seven digits of a price (entities.md 4.1)."""


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


def encode(record: Form, wishes: Wishes, current: list[Json]) -> list[Json]:
    """The whole ``Line`` list for a create (``current`` empty) or an update.

    When only the discount changes, the other lines go back as they were read.
    """
    updating = wishes.current is not None
    kept = [line for line in current if detail_of(line.get("DetailType", "")) in {Detail.SALES, Detail.TEXT}]
    encoded = kept if updating and "lines" not in wishes.fields else _renewed(record, wishes, kept)
    return encoded + _discount(record, wishes, current, encoded)


def _renewed(record: Form, wishes: Wishes, kept: list[Json]) -> list[Json]:
    ours = [_wished_content(line, wishes) for line in record.lines]
    theirs = [_present_content(line, wishes) for line in kept]
    encoded = []
    for line, mine, place in zip(record.lines, ours, continued(ours, theirs), strict=True):
        match = None if place is None else kept[place]
        special = place is not None and theirs[place][1] == mine[1] and _special_item(kept[place])
        encoded.append(_line(line, match, record, wishes, special or ""))
    for position, body in enumerate(encoded, start=1):
        body["LineNum"] = position
    return encoded


def _line(line: Line, match: Json | None, record: Form, wishes: Wishes, special: str) -> Json:
    if is_text(line):
        return _text_line(line, match)
    amount = round_money(line.amount, code_of(record, wishes))
    body: Json = dict(match) if match else {}
    detail: Json = dict(body.get(Detail.SALES) or {})
    detail["ItemRef"] = reference(special or _item(line, wishes))
    detail |= tax.line_code(line, detail, record, wishes)
    for name in ("Qty", "UnitPrice", "TaxInclusiveAmt"):
        detail.pop(name, None)
    if tax.inclusive(record, wishes):
        net = tax.without_tax(amount, detail, record, wishes)
        detail |= {"TaxInclusiveAmt": wire.plain(amount)} | _explained_net(line, amount, net)
        amount = net
    else:
        detail |= explained(line, amount)
    body |= {"Amount": wire.plain(amount), "DetailType": Detail.SALES.value, Detail.SALES.value: detail}
    return _described(body, line)


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


def explained(line: Line, amount: Decimal) -> Json:
    """Quantity and rate, if QBO takes them for the amount; otherwise nothing (``values.explains``, 6070).

    The lens asks the same question, so that what is left out here is no difference there.
    """
    if not isinstance(line.quantity, Decimal) or not isinstance(line.rate, Decimal):
        return {}
    if not explains(line.quantity, line.rate, amount):
        return {}
    return {"Qty": wire.plain(line.quantity), "UnitPrice": wire.plain(line.rate)}


def _explained_net(line: Line, gross: Decimal, net: Decimal) -> Json:
    """Quantity and the price without tax, where the price with tax can be told from what comes back: quantity times
    rate has to be the amount without any rounding (``gross_rate`` is the way back)."""
    if not isinstance(line.quantity, Decimal) or not isinstance(line.rate, Decimal):
        return {}
    if not line.quantity or line.rate != gross_rate(line.quantity, gross):
        return {}
    price = (net / line.quantity).quantize(_UNIT_PRICE)
    return explained(Line(net, quantity=line.quantity, rate=price), net)


def gross_rate(quantity: Decimal, gross: Decimal) -> Decimal | None:
    """The price with tax of one unit of a line; None where it is not exact within the digits QBO keeps."""
    rate = gross / quantity if quantity else ZERO
    return rate if rate * quantity == gross and explains(quantity, rate, gross) else None


def _item(line: Line, wishes: Wishes) -> str:
    """The linked item, else one of that name, else the default item (R-22, R-23). Always sent (entities.md 4.1)."""
    found = wishes.link(Kind.ITEM, item_key(line))
    if not found and line.item_name:
        named = Item(id="", name=line.item_name)
        found = claimed_id(Kind.ITEM, named, wishes.settings)
        found = found or wishes.resolve.find_item(mapped_name(Kind.ITEM, line.item_name, wishes.settings))
    if not found and not wishes.settings.default_item:
        raise refuse(
            "default-item",
            "A line's item is not in QuickBooks, and no default item is chosen.",
            "Set default_item, or create the item in QuickBooks under the same name.",
            "lines",
        )
    return found or wishes.resolve.item(wishes.settings.default_item)


def _discount(record: Form, wishes: Wishes, current: list[Json], others: list[Json]) -> list[Json]:
    """The discount, as a fixed amount. In an update that is not about the discount the present one stays as it is,
    in amount: a percentage would come out differently over other lines."""
    present = [line for line in current if detail_of(line.get("DetailType", "")) is Detail.DISCOUNT]
    if wishes.current is not None and not concerns_discount(record, wishes.fields):
        return [_fixed(line) for line in present]
    discount = record.discount if isinstance(record.discount, Decimal) else ZERO
    account = wishes.settings.discount_account
    if not discount or (not account and wishes.settings.allow_discount_drop):
        return []
    if not account:
        raise refuse(
            "discount-account",
            "The document has a discount, but no discount account is chosen.",
            "Set discount_account, or set allow_discount_drop to leave discounts out.",
            "discount",
        )
    detail: Json = {"PercentBased": False, "DiscountAccountRef": reference(wishes.resolve.account(account))}
    if wishes.facts.global_tax and wishes.facts.sales_tax:
        detail |= tax.line_code(Line(discount), detail, record, wishes)
    if tax.inclusive(record, wishes):
        discount = _net_discount(discount, record, wishes, others)
    return [{"Amount": wire.plain(discount), "DetailType": Detail.DISCOUNT.value, Detail.DISCOUNT.value: detail}]


def concerns_discount(record: Form, fields: frozenset[str]) -> bool:
    """Whether an update is about the discount. That of a credit note is no field of its own: it goes with the lines."""
    with_lines = isinstance(record, CreditNote) and isinstance(record.discount, Decimal)
    return "discount" in fields or (with_lines and "lines" in fields)


def _net_discount(discount: Decimal, record: Form, wishes: Wishes, others: list[Json]) -> Decimal:
    """A discount without its tax: QBO keeps it net, like the lines, and spreads it over them (entities.md 3.9)."""
    sold = [line for line in others if Detail.SALES in line]
    codes = {party_id(line[Detail.SALES], "TaxCodeRef") for line in sold}
    if len(codes) == 1:
        return tax.without_tax(discount, sold[0][Detail.SALES], record, wishes)
    net = sum((Decimal(line["Amount"]) for line in sold), ZERO)
    gross = sum((Decimal(line[Detail.SALES].get("TaxInclusiveAmt", line["Amount"])) for line in sold), ZERO)
    return round_money(discount * net / gross, code_of(record, wishes)) if gross else discount


def _fixed(line: Json) -> Json:
    detail = {name: value for name, value in line[Detail.DISCOUNT].items() if name != "DiscountPercent"}
    return line | {Detail.DISCOUNT.value: detail | {"PercentBased": False}}


def _wished_content(line: Line, wishes: Wishes) -> Content:
    item = "" if is_text(line) else _item(line, wishes)
    description = text(line.description) if isinstance(line.description, str) else ""
    return content((item, description), line.amount, _known(line.quantity), _known(line.rate))


def _present_content(line: Json, wishes: Wishes) -> Content:
    """A line without a product stands for one of the default item, as it does when it is read (``forms.py``)."""
    detail = line.get(Detail.SALES) or {}
    item, description = party_id(detail, "ItemRef"), text(line.get("Description") or "")
    special = _special_item(line)
    if special:
        default = wishes.settings.default_item
        item = wishes.resolve.item(default) if default else ""
        description = description or SPECIAL_ITEMS[special]
    amount = detail.get("TaxInclusiveAmt", line.get("Amount", 0))
    return content((item, description), amount, detail.get("Qty"), detail.get("UnitPrice"))


def _special_item(line: Json) -> str:
    item = party_id(line.get(Detail.SALES) or {}, "ItemRef")
    return item if item in SPECIAL_ITEMS else ""


def _known(number: object) -> Decimal | None:
    return number if isinstance(number, Decimal) else None
