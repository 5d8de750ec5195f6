"""The two tax worlds: US codes TAX and NON with one rate for the form, and real codes per line elsewhere.

Pure arithmetic over lines that are already clean (entities.md 3.9, 4.1). Rounding is half up, per rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from syncd.sandbox.wire import HUNDRED, ZERO, Json, money, plain, rounded


@dataclass(frozen=True)
class Rate:
    """One TaxRate of a code."""

    id: str
    percent: Decimal


@dataclass(frozen=True)
class Charge:
    """What is taxed under one code: net and gross amounts, the discount's share already taken off."""

    rates: tuple[Rate, ...]
    net: Decimal
    gross: Decimal


def total_percent(rates: Sequence[Rate]) -> Decimal:
    """The sum of a code's rates."""
    return sum((rate.percent for rate in rates), ZERO)


def share(total: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Split an amount in proportion, in cents, the remainder on the last part that has a weight."""
    whole = sum(weights, ZERO)
    if not whole:
        return [ZERO for _ in weights]
    parts = [rounded(total * weight / whole) for weight in weights]
    last = max(place for place, weight in enumerate(weights) if weight)
    parts[last] += total - sum(parts, ZERO)
    return parts


def added_on_top(charges: Sequence[Charge]) -> dict[Rate, tuple[Decimal, Decimal]]:
    """Tax on net amounts: for each rate the net amount taxed and the tax, rounded once per rate."""
    nets: dict[Rate, Decimal] = {}
    for charge in charges:
        for rate in charge.rates:
            nets[rate] = nets.get(rate, ZERO) + charge.net
    return {rate: (net, rounded(net * rate.percent / HUNDRED)) for rate, net in nets.items()}


def contained(charges: Sequence[Charge]) -> dict[Rate, tuple[Decimal, Decimal]]:
    """Tax inside gross amounts: gross less net, so that the total stays what the customer was told."""
    result: dict[Rate, tuple[Decimal, Decimal]] = {}
    for charge in charges:
        weights = [rate.percent for rate in charge.rates]
        for rate, tax in zip(charge.rates, share(charge.gross - charge.net, weights), strict=True):
            net, before = result.get(rate, (ZERO, ZERO))
            result[rate] = (net + charge.net, before + tax)
    return result


def overridden(lines: Mapping[Rate, tuple[Decimal, Decimal]], total: Decimal) -> dict[Rate, tuple[Decimal, Decimal]]:
    """An explicit TotalTax spread over the rates in proportion (entities.md 3.9)."""
    weights = [tax for _, tax in lines.values()]
    if not any(weights):
        weights = [rate.percent for rate in lines]
    return {rate: (net, tax) for (rate, (net, _)), tax in zip(lines.items(), share(total, weights), strict=True)}


def detail(code: Json | None, lines: Mapping[Rate, tuple[Decimal, Decimal]], total: Decimal) -> Json:
    """TxnTaxDetail as answers carry it (S:invoice-read-taxed)."""
    body: Json = {}
    if code is not None:
        body["TxnTaxCodeRef"] = {"value": code["value"]}
    body["TotalTax"] = money(total)
    if lines:
        body["TaxLine"] = [
            {
                "Amount": money(tax),
                "DetailType": "TaxLineDetail",
                "TaxLineDetail": {
                    "TaxRateRef": {"value": rate.id},
                    "PercentBased": True,
                    "TaxPercent": plain(rate.percent),
                    "NetAmountTaxable": money(net),
                },
            }
            for rate, (net, tax) in lines.items()
        ]
    return body
