"""Tax and total of a purchase: none in the US, the purchase rates of each line's code elsewhere (entities.md 3.9)."""

from __future__ import annotations

from decimal import Decimal

from syncd.sandbox import faults
from syncd.sandbox.context import Context
from syncd.sandbox.rules import expense_lines, tax
from syncd.sandbox.wire import CENT, HUNDRED, ZERO, Json, money, plain, rounded


def add_up(ctx: Context, new: Json, lines: list[Json], explicit: Json | None) -> None:
    """Set TotalAmt, and outside the US GlobalTaxCalculation and TxnTaxDetail; ``explicit`` is the detail as sent."""
    new.pop("TxnTaxDetail", None)
    if ctx.settings.country == "US":
        new.pop("GlobalTaxCalculation", None)
        new["TotalAmt"] = money(expense_lines.total(lines))
    else:
        _global(ctx, new, lines, explicit)
    if new["TotalAmt"] < 0:
        raise faults.business("Transaction amount must be 0 or greater.", "TotalAmt")


def _global(ctx: Context, new: Json, lines: list[Json], explicit: Json | None) -> None:
    mode = new.setdefault("GlobalTaxCalculation", "TaxExcluded")
    if not ctx.settings.sales_tax or mode == "NotApplicable":
        if explicit and ctx.settings.sales_tax:
            raise faults.bad_tax_code("Tax detail is not allowed when tax is not applicable.", 6170)
        new["TotalAmt"] = money(expense_lines.total(lines))
        return
    inclusive = mode == "TaxInclusive"
    charges: list[tax.Charge] = []
    fixed: dict[tax.Rate, tuple[Decimal, Decimal]] = {}
    for line in lines:
        detail = expense_lines.detail_of(line)
        if "ItemRef" not in detail and "AccountRef" not in detail:
            continue
        rates = _rates(ctx, detail.get("TaxCodeRef"))
        gross = _make_net(line, detail, tax.total_percent(rates)) if inclusive else line["Amount"]
        charge = tax.Charge(rates, line["Amount"], gross)
        if "TaxAmount" in detail and rates:
            _join(fixed, _fixed(charge, detail["TaxAmount"]))
        else:
            charges.append(charge)
    by_rate = tax.contained(charges) if inclusive else tax.added_on_top(charges)
    _join(by_rate, fixed)
    total_tax = sum((part for _, part in by_rate.values()), ZERO)
    if explicit is not None and "TotalTax" in explicit and by_rate and not inclusive and explicit["TotalTax"]:
        if explicit["TotalTax"] < 0:
            raise faults.negative("TotalTax")
        total_tax = Decimal(explicit["TotalTax"])
        by_rate = tax.overridden(by_rate, total_tax)
    new["TxnTaxDetail"] = tax.detail(None, by_rate, total_tax)
    new["TotalAmt"] = money(expense_lines.total(lines) + total_tax)


def _rates(ctx: Context, code: Json | None) -> tuple[tax.Rate, ...]:
    if code is None:
        raise faults.business("Make sure all your transactions have a tax rate before you save.", "TaxCodeRef")
    body = ctx.resolve("TaxCode", code, "TaxCodeRef") or {}
    rates = []
    for entry in body.get("PurchaseTaxRateList", {}).get("TaxRateDetail", []):
        rate = ctx.unit.get("TaxRate", entry["TaxRateRef"]["value"])
        if rate is not None:
            rates.append(tax.Rate(rate["Id"], Decimal(rate["RateValue"])))
    return tuple(rates)


def _fixed(charge: tax.Charge, amount: Decimal) -> dict[tax.Rate, tuple[Decimal, Decimal]]:
    """The tax of a line as its TaxAmount says, spread over the rates of its code."""
    parts = tax.share(amount, [rate.percent for rate in charge.rates])
    return {rate: (charge.net, part) for rate, part in zip(charge.rates, parts, strict=True)}


def _join(into: dict[tax.Rate, tuple[Decimal, Decimal]], more: dict[tax.Rate, tuple[Decimal, Decimal]]) -> None:
    for rate, (net, part) in more.items():
        known_net, known_part = into.get(rate, (ZERO, ZERO))
        into[rate] = (known_net + net, known_part + part)


def _make_net(line: Json, detail: Json, percent: Decimal) -> Decimal:
    """Turn a tax-inclusive line into the net form that answers carry; gives the gross amount back."""
    gross = Decimal(detail.get("TaxInclusiveAmt") or line["Amount"])
    net = rounded(gross * HUNDRED / (HUNDRED + percent))
    if "TaxAmount" in detail:
        net = gross - detail["TaxAmount"]
    detail["TaxInclusiveAmt"] = money(gross)
    if line["Amount"] != net and detail.get("UnitPrice") is not None and detail.get("Qty"):
        detail["UnitPrice"] = plain((net / detail["Qty"]).quantize(CENT / 100_000))
    line["Amount"] = money(net)
    return gross
