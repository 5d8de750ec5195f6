"""Tax and totals of a sales form in the three tax worlds: US by hand, US automated, elsewhere (entities.md 3.9)."""

from __future__ import annotations

from decimal import Decimal

from syncd.sandbox import faults
from syncd.sandbox.context import Context
from syncd.sandbox.rules import tax
from syncd.sandbox.rules.lines import Lines, make_net, set_discount
from syncd.sandbox.wire import ZERO, Json, amount, money, rounded

_Sums = dict[str, tuple[Decimal, Decimal]]
_Rates = dict[str, tuple[tax.Rate, ...]]


def total(ctx: Context, new: Json, lines: Lines, explicit: Json | None, customer: Json) -> Decimal:
    """Write the tax members of a form and give its TotalAmt back.

    ``new["TxnTaxDetail"]`` is what the form would keep, ``explicit`` the TxnTaxDetail that came with this request.
    """
    if ctx.settings.country != "US":
        new.pop("ApplyTaxAfterDiscount", None)
        return _global(ctx, new, lines, explicit)
    new.pop("GlobalTaxCalculation", None)
    new["ApplyTaxAfterDiscount"] = bool(new.get("ApplyTaxAfterDiscount"))
    subtotal = lines.subtotal()
    discount = set_discount(lines, subtotal)
    stored = new.pop("TxnTaxDetail", None)
    charged = subtotal - discount + lines.freight()
    if not ctx.settings.sales_tax:
        return money(charged)
    taxable = _taxable(lines, subtotal, discount if new["ApplyTaxAfterDiscount"] else ZERO)
    automated = ctx.settings.automated_tax
    new["TxnTaxDetail"] = (
        _automated(ctx, new, taxable, explicit, customer)
        if automated
        else _by_hand(ctx, taxable, explicit, stored or {})
    )
    return money(charged + amount(new["TxnTaxDetail"], "TotalTax"))


def form_rates(ctx: Context, code: Json | None) -> tuple[tax.Rate, ...]:
    """The rates of a form's TxnTaxCodeRef; the pseudo codes are refused."""
    if code is None:
        return ()
    if code["value"] == "CustomSalesTax":
        raise faults.bad_tax_code("CustomSalesTax cannot be used.", 6160)
    if code["value"] in ("TAX", "NON"):
        raise faults.bad_tax_code("TxnTaxCodeRef must name a real tax code.")
    return line_rates(ctx, code)


def line_rates(ctx: Context, code: Json) -> tuple[tax.Rate, ...]:
    """The sales rates of a tax code."""
    body = ctx.resolve("TaxCode", code, "TaxCodeRef") or {}
    rates = []
    for entry in body.get("SalesTaxRateList", {}).get("TaxRateDetail", []):
        rate = ctx.unit.get("TaxRate", entry["TaxRateRef"]["value"])
        if rate is not None:
            rates.append(tax.Rate(rate["Id"], Decimal(rate["RateValue"])))
    return tuple(rates)


def _taxable(lines: Lines, subtotal: Decimal, discount: Decimal) -> Decimal:
    """The TAX lines less their share of a discount that comes before the tax; shipping is not discounted."""
    items = sum((line["Amount"] for line in lines.sales() if _is_taxed(line)), ZERO)
    if subtotal:
        items -= rounded(discount * items / subtotal)
    shipping = lines.shipping
    return items + (lines.freight() if shipping is not None and _is_taxed(shipping) else ZERO)


def _is_taxed(line: Json) -> bool:
    return bool(line["SalesItemLineDetail"]["TaxCodeRef"]["value"] == "TAX")


def _by_hand(ctx: Context, taxable: Decimal, explicit: Json | None, stored: Json) -> Json:
    """The rate that TxnTaxCodeRef names, or the amount that was said."""
    code = stored.get("TxnTaxCodeRef")
    by_rate = _on_top(form_rates(ctx, code), taxable)
    wanted = _explicit_tax(explicit, code)
    if wanted is None and code is None and explicit is None:
        wanted = amount(stored, "TotalTax")
    return _detail(code, by_rate, wanted)


def _automated(ctx: Context, new: Json, taxable: Decimal, explicit: Json | None, customer: Json) -> Json:
    """What the engine finds for the destination; a code that was sent does not count."""
    code = None if "TaxExemptionReasonId" in customer else _engine_code(ctx, new, customer)
    by_rate = _on_top(() if code is None else line_rates(ctx, code), taxable)
    wanted = None
    if ctx.switches.automated_tax_override == "honour":
        wanted = _explicit_tax(explicit, (explicit or {}).get("TxnTaxCodeRef"))
    return _detail(code, by_rate, wanted)


def _engine_code(ctx: Context, new: Json, customer: Json) -> Json | None:
    """The tax code of the state the goods go to: ShipAddr, else BillAddr, else the company's own by switch."""
    places = [form.get(member) for member in ("ShipAddr", "BillAddr") for form in (new, customer)]
    address = next((place for place in places if place), None)
    if address is None and ctx.switches.automated_tax_no_address == "origin":
        address = (ctx.unit.get("CompanyInfo", "1") or {}).get("LegalAddr")
    state = str((address or {}).get("CountrySubDivisionCode", "")).upper()
    code = ctx.settings.automated_tax_codes.get(state)
    return None if code is None or ctx.unit.get("TaxCode", code) is None else {"value": code}


def _on_top(rates: tuple[tax.Rate, ...], taxable: Decimal) -> dict[tax.Rate, tuple[Decimal, Decimal]]:
    return tax.added_on_top([tax.Charge(rates, taxable, taxable)]) if rates else {}


def _detail(code: Json | None, by_rate: dict[tax.Rate, tuple[Decimal, Decimal]], wanted: Decimal | None) -> Json:
    if wanted is None:
        return tax.detail(code, by_rate, sum((part for _, part in by_rate.values()), ZERO))
    return tax.detail(code, tax.overridden(by_rate, wanted), wanted)


def _explicit_tax(sent: Json | None, code: Json | None) -> Decimal | None:
    """TotalTax where it overrides: always without a code; with one only when it is not zero (docs/sandbox.md)."""
    if sent is None or "TotalTax" not in sent:
        return None
    wanted = Decimal(sent["TotalTax"])
    if wanted < 0:
        raise faults.negative("TotalTax")
    return wanted if wanted or code is None else None


def _global(ctx: Context, new: Json, lines: Lines, explicit: Json | None) -> Decimal:
    """Real codes on every line, shipping included; inclusive lines are answered net."""
    new.pop("TxnTaxDetail", None)
    if ctx.settings.sales_tax and "GlobalTaxCalculation" not in new and ctx.switches.global_tax_missing == "refuse":
        raise faults.missing("GlobalTaxCalculation")
    mode = new.setdefault("GlobalTaxCalculation", "TaxExcluded")
    if not ctx.settings.sales_tax or mode == "NotApplicable":
        if explicit and ctx.settings.sales_tax:
            raise faults.bad_tax_code("Tax detail is not allowed when tax is not applicable.", 6170)
        subtotal = lines.subtotal()
        return money(subtotal - set_discount(lines, subtotal) + lines.freight())
    inclusive = mode == "TaxInclusive"
    sums: _Sums = {}
    rates: _Rates = {}
    for line in lines.sales():
        code, net, gross = _charge(ctx, line, rates, inclusive)
        before = sums.get(code, (ZERO, ZERO))
        sums[code] = (before[0] + net, before[1] + gross)
    charges, discount = _discounted(lines, sums, rates)
    if lines.shipping is not None:
        code, net, gross = _charge(ctx, lines.shipping, rates, inclusive)
        charges.append(tax.Charge(rates[code], net, gross))
    by_rate = tax.contained(charges) if inclusive else tax.added_on_top(charges)
    wanted = None if inclusive or not by_rate else _explicit_tax(explicit, {"value": ""})
    new["TxnTaxDetail"] = _detail(None, by_rate, wanted)
    return money(lines.subtotal() - discount + lines.freight() + amount(new["TxnTaxDetail"], "TotalTax"))


def _charge(ctx: Context, line: Json, rates: _Rates, inclusive: bool) -> tuple[str, Decimal, Decimal]:
    """A line's code with its net and gross amount; an inclusive line becomes net."""
    ref = line["SalesItemLineDetail"].get("TaxCodeRef")
    if ref is None:
        raise faults.business("Make sure all your transactions have a tax rate before you save.", "TaxCodeRef")
    code = str(ref["value"])
    if code not in rates:
        rates[code] = line_rates(ctx, ref)
    gross = make_net(line, tax.total_percent(rates[code])) if inclusive else line["Amount"]
    return code, line["Amount"], gross


def _discounted(lines: Lines, sums: _Sums, rates: _Rates) -> tuple[list[tax.Charge], Decimal]:
    """Charges per code with the discount spread over them, and the net discount."""
    nets = [net for net, _ in sums.values()]
    grosses = [gross for _, gross in sums.values()]
    discount = set_discount(lines, sum(nets, ZERO))
    net_shares = tax.share(discount, nets)
    gross_shares = net_shares
    if lines.discount is not None:
        detail = lines.discount["DiscountLineDetail"]
        if detail["PercentBased"]:
            gross_shares = tax.share(rounded(sum(grosses, ZERO) * detail["DiscountPercent"] / 100), grosses)
        else:
            ratio = [gross / net if net else Decimal(1) for net, gross in sums.values()]
            gross_shares = [rounded(part * by) for part, by in zip(net_shares, ratio, strict=True)]
    charges = [
        tax.Charge(rates[code], net - net_part, gross - gross_part)
        for (code, (net, gross)), net_part, gross_part in zip(sums.items(), net_shares, gross_shares, strict=True)
    ]
    return charges, discount
